/* LD_PRELOAD: fails the FAIL_AT-th call of the kind FAIL_KIND (open, write, fsync, rename, socket, fork) as a machine in
 * trouble does, with FAIL_ON=1 all later ones of that kind too, with FAIL_NAME
 * only opening of paths that hold it, and writes into the file FAIL_REPORT how many there were
 * of each, a line "KIND COUNT" a kind. Of writes those to files alone count: an event descriptor does not fail. Only of
 * the program that it is loaded into: what that starts is spared. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { OPEN, WRITE, FSYNC, RENAME, SOCKET, FORK, KINDS };

static const struct {
  const char *name;
  int error;
} kinds[KINDS] = {
  [OPEN] = { "open", EMFILE },  [WRITE] = { "write", ENOSPC },   [FSYNC] = { "fsync", EIO },
  [RENAME] = { "rename", EIO }, [SOCKET] = { "socket", EMFILE }, [FORK] = { "fork", EAGAIN },
};

static atomic_ulong calls[KINDS];
static unsigned long fail_at;
static int fail_kind = -1, fail_on;
static char report[256], name_part[64];
static pid_t owner;

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("FAIL_REPORT"), *at = getenv("FAIL_AT"), *kind = getenv("FAIL_KIND"),
             *on = getenv("FAIL_ON"), *part = getenv("FAIL_NAME");
  snprintf(report, sizeof report, "%s", path ? path : "");
  snprintf(name_part, sizeof name_part, "%s", part ? part : "");
  for (int i = 0; kind && i < KINDS; i++)
    if (!strcmp(kind, kinds[i].name))
      fail_kind = i;
  owner = getpid();
  unsetenv("LD_PRELOAD");
  fail_on = on && *on == '1';
  fail_at = at ? strtoul(at, NULL, 10) : 0;
}

static int fails(enum kind kind)
{
  unsigned long n = getpid() == owner ? atomic_fetch_add(&calls[kind], 1) + 1 : 0;
  if (!n || !fail_at || (int)kind != fail_kind || !(n == fail_at || (fail_on && n > fail_at)))
    return 0;
  errno = kinds[kind].error;
  return 1;
}

static int fails_to_open(const char *path)
{
  return (!*name_part || strstr(path, name_part)) && fails(OPEN);
}

__attribute__((destructor)) static void end(void)
{
  int count = report[0] && getpid() == owner ? KINDS : 0;
  int fd = count ? (int)((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open"))(
                       report, O_WRONLY | O_CREAT | O_TRUNC, 0644)
                 : -1;
  for (int i = 0; fd >= 0 && i < count; i++)
    dprintf(fd, "%s %lu\n", kinds[i].name, atomic_load(&calls[i]));
  if (fd >= 0)
    close(fd);
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

static mode_t mode_of(int flags, va_list list)
{
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN_AS(name)                                                                                  \
  int name(const char *path, int flags, ...)                                                           \
  {                                                                                                    \
    va_list list;                                                                                      \
    va_start(list, flags);                                                                             \
    mode_t mode = mode_of(flags, list);                                                                \
    va_end(list);                                                                                      \
    return fails_to_open(path) ? -1 : NEXT(int (*)(const char *, int, ...), #name)(path, flags, mode); \
  }

OPEN_AS(open)
OPEN_AS(open64)

FILE *fopen(const char *path, const char *mode)
{
  return fails_to_open(path) ? NULL : NEXT(FILE * (*)(const char *, const char *), "fopen")(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
  return fails_to_open(path) ? NULL : NEXT(FILE * (*)(const char *, const char *), "fopen64")(path, mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
  struct stat st;
  int kept = errno, file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fd > 2;
  errno = kept;
  return file && fails(WRITE) ? -1 : NEXT(ssize_t(*)(int, const void *, size_t), "write")(fd, data, size);
}

int fsync(int fd)
{
  return fails(FSYNC) ? -1 : NEXT(int (*)(int), "fsync")(fd);
}

int rename(const char *from, const char *to)
{
  return fails(RENAME) ? -1 : NEXT(int (*)(const char *, const char *), "rename")(from, to);
}

int socket(int domain, int type, int protocol)
{
  return fails(SOCKET) ? -1 : NEXT(int (*)(int, int, int), "socket")(domain, type, protocol);
}

pid_t fork(void)
{
  return fails(FORK) ? -1 : NEXT(pid_t(*)(void), "fork")();
}
