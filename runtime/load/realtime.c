#include "load/realtime.h"

#include <sched.h>

static _Thread_local int loads;
static _Thread_local bool raised;
static _Thread_local struct sched_param before;

static int policy(void)
{
  return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

static bool leaves_half(uint32_t threads)
{
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof cpus, &cpus) == 0 && threads <= (uint32_t)CPU_COUNT(&cpus) / 2;
}

void sb_realtime_begin(uint32_t threads)
{
  if (loads++ == 0) {
    struct sched_param urgent = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };
    raised = leaves_half(threads) && policy() == SCHED_OTHER && sched_getparam(0, &before) == 0 &&
             sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &urgent) == 0;
  }
}

void sb_realtime_end(void)
{
  if (--loads == 0 && raised) {
    raised = false;
    /* an unprivileged thread may not take the reset back, and an ordinary one does not feel it */
    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &before);
  }
}

bool sb_realtime_is_on(void)
{
  return policy() == SCHED_FIFO;
}
