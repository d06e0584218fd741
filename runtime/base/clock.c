#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static const int64_t *virtual_time;

static int64_t read_clock(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * SB_NS_PER_S + t.tv_nsec;
}

int64_t sb_clock_now(void)
{
  return virtual_time ? *virtual_time : read_clock(CLOCK_MONOTONIC);
}

int64_t sb_clock_wall(void)
{
  return read_clock(CLOCK_REALTIME);
}

int64_t sb_clock_process_cpu(void)
{
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t sb_clock_thread_cpu(void)
{
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void sb_clock_set_virtual(const int64_t *time)
{
  virtual_time = time;
}

const char *sb_clock_source(void)
{
  return virtual_time ? "virtual" : "monotonic";
}
