/* LD_PRELOAD: CLOCK_REALTIME is set, as by an administrator or a wild time server: SET_BY seconds ahead (or back) from
 * SET_AFTER_MS after the program's start on, and where SET_EVERY_US is given back and ahead again each time that this
 * long has passed. The kernel's stamps of what a socket receives are of the same clock. CLOCK_MONOTONIC goes on. Only of
 * the program that it is loaded into: what that starts is spared. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static int (*next_gettime)(clockid_t, struct timespec *);
static int64_t started, after, every, by; /* nanoseconds; `by` seconds */

static int64_t read_clock(clockid_t id)
{
  struct timespec t;
  next_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t number(const char *name)
{
  const char *text = getenv(name);
  return text ? strtoll(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
  next_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  after = number("SET_AFTER_MS") * 1000000;
  every = number("SET_EVERY_US") * 1000;
  by = number("SET_BY");
  started = read_clock(CLOCK_MONOTONIC);
  unsetenv("LD_PRELOAD");
}

/* By how many seconds the clock is off at a moment of CLOCK_MONOTONIC. */
static time_t off_at(int64_t moment)
{
  int64_t passed = moment - started - after;
  return passed >= 0 && (!every || passed / every % 2 == 0) ? (time_t)by : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
  int rc = next_gettime(id, t);
  if (rc == 0 && id == CLOCK_REALTIME && started)
    t->tv_sec += off_at(read_clock(CLOCK_MONOTONIC));
  return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  *t = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
  return 0;
}

time_t time(time_t *out)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out)
    *out = now.tv_sec;
  return now.tv_sec;
}

/* A stamp is of the clock as it was when the kernel made it. */
static void set_stamp(struct msghdr *message)
{
  struct cmsghdr *control = CMSG_FIRSTHDR(message);
  struct timespec stamp;
  if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
    return;
  memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
  int64_t ahead = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
  stamp.tv_sec += off_at((int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec - ahead);
  memcpy(CMSG_DATA(control), &stamp, sizeof stamp);
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
  ssize_t n = ((ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg"))(socket, message, flags);
  if (n > 0 && started)
    set_stamp(message);
  return n;
}
