#include "proc/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proc/processes.h"

enum { LISTENING = 0x0A, MAX_SOCKETS = 64 };

/* Sockets that listen at the port, by inode; who holds each. */
typedef struct sockets {
  unsigned long inodes[MAX_SOCKETS];
  bool own[MAX_SOCKETS];
  size_t count;
} sockets;

/* Whether connections to `host` may arrive at a socket bound to the address, as /proc/net/tcp writes it: words of the
 * machine's own byte order in hexadecimal. */
static bool reaches(const char *address, const char *host)
{
  struct in_addr v4;
  unsigned word;
  if (strspn(address, "0") == strlen(address))
    return true; /* any address */
  if (strlen(address) == 8)
    return inet_pton(AF_INET, host, &v4) != 1 || (sscanf(address, "%8X", &word) == 1 && word == v4.s_addr);
  struct in6_addr v6, bound;
  for (int i = 0; i < 4; i++) {
    if (sscanf(address + 8 * i, "%8X", &word) != 1)
      return false;
    memcpy(&bound.s6_addr[4 * i], &word, sizeof word);
  }
  if (inet_pton(AF_INET, host, &v4) == 1)
    return IN6_IS_ADDR_V4MAPPED(&bound) && !memcmp(&bound.s6_addr[12], &v4, sizeof v4);
  return inet_pton(AF_INET6, host, &v6) != 1 || !memcmp(&bound, &v6, sizeof v6);
}

static void read_sockets(const char *path, const char *host, int port, sockets *found)
{
  char line[512], address[40];
  FILE *file = fopen(path, "re");
  if (!file)
    return;
  while (fgets(line, sizeof line, file)) {
    unsigned at, state;
    unsigned long inode;
    if (sscanf(line, " %*d: %39[0-9A-F]:%X %*[^ ] %X %*s %*s %*s %*s %*s %lu", address, &at, &state,
               &inode) == 4 &&
        state == LISTENING && at == (unsigned)port && inode && found->count < MAX_SOCKETS &&
        reaches(address, host)) {
      found->own[found->count] = false;
      found->inodes[found->count++] = inode;
    }
  }
  fclose(file);
}

/* Sets held[i] for each of the sockets that the process has open. */
static void look_at(pid_t pid, const sockets *found, bool *held)
{
  char folder[64], link[400], target[64];
  snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
  DIR *dir = opendir(folder);
  if (!dir)
    return;
  struct dirent *entry;
  while ((entry = readdir(dir))) {
    unsigned long inode;
    snprintf(link, sizeof link, "%s/%s", folder, entry->d_name);
    ssize_t n = readlink(link, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    if (sscanf(target, "socket:[%lu]", &inode) == 1)
      for (size_t i = 0; i < found->count; i++)
        held[i] = held[i] || found->inodes[i] == inode;
  }
  closedir(dir);
}

static bool same_mounts(pid_t pid)
{
  char path[64], theirs[64], ours[64];
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
  ssize_t n = readlink(path, theirs, sizeof theirs), m = readlink("/proc/self/ns/mnt", ours, sizeof ours);
  return n < 0 || (n == m && !memcmp(theirs, ours, (size_t)n));
}

/* A container's engine starts what the server's command asks for, or stands in for it at the port. Neither is below
 * the supervisor, and neither is older. */
static bool may_be_container(pid_t pid, unsigned long long started)
{
  static const char *const proxies[] = { "docker-proxy", "rootlessport", "slirp4netns" };
  char path[64], name[32] = "";
  if (sb_process_start(pid) < started)
    return false;
  snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
  FILE *file = fopen(path, "re");
  if (file && fgets(name, sizeof name, file))
    name[strcspn(name, "\n")] = '\0';
  if (file)
    fclose(file);
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
    if (!strcmp(name, proxies[i]))
      return true;
  return !same_mounts(pid);
}

/* Who holds a socket that none of the server's processes does; 0 where it cannot be seen. */
static pid_t find_stranger(const sockets *found, unsigned long long started)
{
  pid_t *all, stranger = 0;
  size_t count = sb_processes(&all);
  for (size_t i = 0; i < count && !stranger; i++) {
    bool holds[MAX_SOCKETS] = { false };
    look_at(all[i], found, holds);
    for (size_t k = 0; k < found->count; k++)
      if (holds[k] && !found->own[k] && !may_be_container(all[i], started))
        stranger = all[i];
  }
  free(all);
  return stranger;
}

sb_listener sb_listener_of(const char *host, int port, pid_t supervisor, pid_t *stranger)
{
  sockets found = { .count = 0 };
  *stranger = 0;
  read_sockets("/proc/net/tcp", host, port, &found);
  read_sockets("/proc/net/tcp6", host, port, &found);
  pid_t *members;
  size_t count = sb_process_descendants(supervisor, &members), own = 0;
  for (size_t i = 0; i < count; i++)
    look_at(members[i], &found, found.own);
  free(members);
  for (size_t i = 0; i < found.count; i++)
    own += found.own[i];
  if (found.count && own == found.count)
    return SB_LISTENER_OWN;
  if (found.count)
    *stranger = find_stranger(&found, sb_process_start(supervisor));
  return *stranger ? SB_LISTENER_STRANGER : own ? SB_LISTENER_OWN : SB_LISTENER_UNKNOWN;
}
