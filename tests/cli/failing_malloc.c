/* LD_PRELOAD: fails the FAIL_AT-th allocation of the process and FAIL_COUNT - 1 more, and writes into the file
 * FAIL_REPORT how many there were. Only of the program that it is loaded into: what that starts is spared. */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static atomic_ulong allocations;
static unsigned long fail_at, fail_count;
static char report[256];
static pid_t owner;

static unsigned long number(const char *name)
{
  const char *text = getenv(name);
  return text ? strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("FAIL_REPORT");
  snprintf(report, sizeof report, "%s", path ? path : "");
  fail_count = number("FAIL_COUNT");
  owner = getpid();
  unsetenv("LD_PRELOAD");
  atomic_store(&allocations, 0);
  fail_at = number("FAIL_AT");
}

__attribute__((destructor)) static void end(void)
{
  char text[32];
  int size = snprintf(text, sizeof text, "%lu\n", atomic_load(&allocations));
  int fd = report[0] && getpid() == owner ? open(report, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
  if (fd >= 0 && write(fd, text, (size_t)size) == size)
    close(fd);
}

static int fails(void)
{
  unsigned long n = atomic_fetch_add(&allocations, 1) + 1;
  if (!fail_at || n < fail_at || n - fail_at >= fail_count)
    return 0;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size)
{
  return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
  return fails() ? NULL : __libc_realloc(block, size);
}
