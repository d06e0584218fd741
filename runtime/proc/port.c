#include "proc/port.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without SO_REUSEADDR on purpose: with it, a port that is bound but not yet listened on looks free. */
static int bind_port(const char *host, int port, sb_err *err)
{
  char service[16];
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE }, *list;
  snprintf(service, sizeof service, "%d", port);
  int rc = getaddrinfo(host, service, &hints, &list);
  if (rc)
    return sb_err_set(err, SB_EINVAL, "host '%s': %s; use an address of this machine", host,
                      gai_strerror(rc));
  int fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, list->ai_protocol);
  if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen)) {
    int code = sb_err_sys(err, errno, "cannot bind port %d of host '%s'", port, host);
    if (fd >= 0)
      close(fd);
    freeaddrinfo(list);
    return code;
  }
  freeaddrinfo(list);
  return fd;
}

int sb_free_port(const char *host, sb_err *err)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address = { 0 };
  socklen_t size = sizeof address;
  int fd = bind_port(host, 0, err);
  if (fd < 0)
    return fd;
  int rc = getsockname(fd, &address.any, &size), saved = errno;
  close(fd);
  if (rc)
    return sb_err_sys(err, saved, "cannot read the port bound on host '%s'", host);
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

bool sb_port_taken(const char *host, int port)
{
  if (port < 1 || port > 65535)
    return true;
  int fd = bind_port(host, port, NULL);
  if (fd >= 0)
    close(fd);
  return fd < 0;
}
