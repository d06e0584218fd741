#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop_poll.h"
#include "net/dial.h"

/* What becomes of a dial's sockets. */

enum { MOST_DESCRIPTORS = 4096 };

/* In the C library's place, for libcurl and libuv too: which descriptors are in a set, and how many were closed while
 * they were. */
static bool watched[MOST_DESCRIPTORS];
static int closed_while_watched;

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
  static int (*real)(int, int, int, struct epoll_event *);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
  int result = real(set, operation, fd, event);
  if (result == 0 && operation != EPOLL_CTL_MOD && fd < MOST_DESCRIPTORS)
    watched[fd] = operation == EPOLL_CTL_ADD;
  return result;
}

int close(int fd)
{
  static int (*real)(int);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "close");
  if (fd >= 0 && fd < MOST_DESCRIPTORS && watched[fd]) {
    closed_while_watched++;
    watched[fd] = false;
  }
  return real(fd);
}

/* In libcurl's place: the option for whose text there is no memory. */
static CURLoption no_memory_for;

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
  static CURLcode (*real)(CURL *, CURLoption, ...);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "curl_easy_setopt");
  if (option == no_memory_for)
    return CURLE_OUT_OF_MEMORY;
  va_list values;
  va_start(values, option);
  void *value = va_arg(values, void *);
  va_end(values);
  return real(easy, option, value);
}

static int count_descriptors(void)
{
  DIR *folder = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(folder))
    count++;
  closedir(folder);
  return count;
}

typedef struct world {
  sb_loop *loop;
  sb_dialer *dialer;
  int descriptors;
  int ends;
  char error[256];
} world;

static world open_world(void)
{
  world w = { .loop = sb_loop_new(), .descriptors = count_descriptors() };
  w.dialer = sb_dialer_new(w.loop, NULL);
  assert_non_null(w.dialer);
  memset(watched, 0, sizeof watched); /* a loop's own descriptors end with it */
  closed_while_watched = 0;
  return w;
}

/* Nothing was closed too early, and nothing is left. */
static void close_world(world *w)
{
  sb_dialer_free(w->dialer);
  while (loop_poll(w->loop))
    continue;
  assert_int_equal(closed_while_watched, 0);
  assert_int_equal(count_descriptors(), w->descriptors);
  sb_loop_free(w->loop);
}

static void on_end(void *context, const char *error)
{
  world *w = context;
  w->ends++;
  snprintf(w->error, sizeof w->error, "%s", error ? error : "");
}

static sb_dial *start(world *w, const char *host, int port)
{
  char origin[64];
  snprintf(origin, sizeof origin, "http://%s:%d", host, port);
  sb_dial *dial = sb_dial_start(w->dialer, origin, on_end, w, NULL);
  assert_non_null(dial);
  return dial;
}

static void run_until(world *w, int ends)
{
  while (w->ends < ends && sb_loop_step(w->loop))
    continue;
  assert_int_equal(w->ends, ends);
}

/* Listens at `*port` of the loopback address, any where it is 0. Below 0: the family is not there. */
static int listen_at(int family, int *port)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  six.sin6_port = four.sin_port = htons((uint16_t)*port);
  bool is_six = family == AF_INET6;
  struct sockaddr *address = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
  socklen_t size = is_six ? sizeof six : sizeof four;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, address, size) || listen(fd, 0) || getsockname(fd, address, &size)) {
    if (fd >= 0)
      close(fd);
    return -1;
  }
  *port = ntohs(is_six ? six.sin6_port : four.sin_port);
  return fd;
}

/* Takes the one place of the listener's queue: who connects from now on waits. */
static int fill(int listener)
{
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
  return fd;
}

static void a_dial_under_way_is_unwatched_before_its_socket_is_closed(void **state)
{
  (void)state;
  int port = 0, listener = listen_at(AF_INET, &port), first = fill(listener);
  world w = open_world();
  sb_dial *dial = start(&w, "127.0.0.1", port);
  for (int turn = 0; turn < 3; turn++)
    loop_poll(w.loop);
  assert_int_equal(w.ends, 0);
  sb_dial_close(dial);
  close_world(&w);
  close(first);
  close(listener);
}

static void the_slower_address_family_is_unwatched_before_its_socket_is_closed(void **state)
{
  (void)state;
  int port = 0, six = listen_at(AF_INET6, &port), four = six < 0 ? -1 : listen_at(AF_INET, &port);
  if (four < 0)
    skip();               /* no IPv6 here, or somebody has the other family's port */
  int first = fill(four); /* which libcurl 7.88 tries first */
  world w = open_world();
  sb_dial *dial = start(&w, "localhost", port);
  run_until(&w, 1);
  assert_string_equal(w.error, "");
  close(sb_dial_take_socket(dial));
  close_world(&w);
  close(first);
  close(four);
  close(six);
}

/* The socket takes the last one. */
static void a_dial_that_cannot_be_watched_fails_alone(void **state)
{
  (void)state;
  enum { LIMIT = 64 };
  int port = 0, listener = listen_at(AF_INET, &port), first = fill(listener), taken[LIMIT], count = 0;
  world w = open_world();
  struct rlimit usual, small;
  getrlimit(RLIMIT_NOFILE, &usual);
  small = (struct rlimit){ LIMIT, usual.rlim_max };
  setrlimit(RLIMIT_NOFILE, &small);
  while ((taken[count] = dup(STDERR_FILENO)) >= 0)
    count++;
  close(taken[--count]);
  sb_dial *dial = start(&w, "127.0.0.1", port);
  assert_int_equal(w.ends, 0); /* from the loop */
  loop_poll(w.loop);
  while (count)
    close(taken[--count]);
  setrlimit(RLIMIT_NOFILE, &usual);
  assert_int_equal(w.ends, 1);
  assert_non_null(strstr(w.error, "no file descriptor is left"));
  sb_dial_close(dial);

  close(accept(listener, NULL, NULL));
  dial = start(&w, "127.0.0.1", port);
  run_until(&w, 2);
  assert_string_equal(w.error, "");
  close(sb_dial_take_socket(dial));
  close_world(&w);
  close(first);
  close(listener);
}

static void a_dial_that_lacks_an_option_is_none(void **state)
{
  (void)state;
  static const CURLoption texts[] = { CURLOPT_NOPROXY, CURLOPT_PROTOCOLS_STR, CURLOPT_CAINFO, CURLOPT_URL };
  world w = open_world();
  setenv("SSL_CERT_FILE", "/etc/hostname", 1);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    sb_err err = { 0 };
    no_memory_for = texts[i];
    assert_null(sb_dial_start(w.dialer, "http://127.0.0.1:9", on_end, &w, &err));
    assert_non_null(strstr(err.text, "Out of memory"));
  }
  no_memory_for = 0;
  unsetenv("SSL_CERT_FILE");
  assert_int_equal(w.ends, 0);
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_dial_under_way_is_unwatched_before_its_socket_is_closed),
    cmocka_unit_test(the_slower_address_family_is_unwatched_before_its_socket_is_closed),
    cmocka_unit_test(a_dial_that_cannot_be_watched_fails_alone),
    cmocka_unit_test(a_dial_that_lacks_an_option_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
