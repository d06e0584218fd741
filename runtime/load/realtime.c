#include "load/realtime.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's shortest turn of an ordinary thread, which comes before others' longer ones (Linux 6.12). */
enum { SHORT_TURN_NS = 100 * 1000 };

/* The kernel's struct sched_attr, which libc has no declaration of, as of its first version. */
typedef struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t turn_ns, deadline_ns, period_ns;
} attributes;

static const uint64_t RESET_ON_FORK = 1;

static _Thread_local int loads;
static _Thread_local bool raised, short_turns;
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

/* 0: as long as the kernel thinks fit. Kernels before 6.12 take it and do nothing. */
static bool take_turns_of(uint64_t ns)
{
  attributes a = { .size = sizeof a, .policy = SCHED_OTHER, .flags = RESET_ON_FORK, .turn_ns = ns };
  errno = 0;
  a.nice = getpriority(PRIO_PROCESS, 0);
  return errno == 0 && syscall(SYS_sched_setattr, 0, &a, 0u) == 0;
}

void sb_realtime_begin(uint32_t threads)
{
  if (loads++ == 0) {
    struct sched_param urgent = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };
    raised = leaves_half(threads) && policy() == SCHED_OTHER && sched_getparam(0, &before) == 0 &&
             sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &urgent) == 0;
    short_turns = !raised && policy() == SCHED_OTHER && take_turns_of(SHORT_TURN_NS);
  }
}

void sb_realtime_end(void)
{
  if (--loads > 0)
    return;
  if (short_turns)
    take_turns_of(0);
  short_turns = false;
  if (raised) {
    raised = false;
    /* an unprivileged thread may not take the reset back, and an ordinary one does not feel it */
    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &before);
  }
}

bool sb_realtime_is_on(void)
{
  return policy() == SCHED_FIFO;
}
