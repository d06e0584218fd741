/* The priority of a loading thread. Where the machine does not allow it, nothing may change. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/realtime.h"

static bool allowed;
static uint32_t half; /* of the CPUs */

static int find_out(void **state)
{
  (void)state;
  struct sched_param urgent = { .sched_priority = 1 }, ordinary = { 0 };
  cpu_set_t cpus;
  assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
  half = (uint32_t)CPU_COUNT(&cpus) / 2;
  allowed = half > 0 && sched_setscheduler(0, SCHED_FIFO, &urgent) == 0;
  sched_setscheduler(0, SCHED_OTHER, &ordinary);
  return 0;
}

static int policy(void)
{
  return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

static void a_thread_is_urgent_while_any_load_runs(void **state)
{
  (void)state;
  assert_int_equal(policy(), SCHED_OTHER);
  int during = allowed ? SCHED_FIFO : SCHED_OTHER;
  assert_false(sb_realtime_is_on());
  sb_realtime_begin(1);
  assert_int_equal(policy(), during);
  assert_int_equal(sb_realtime_is_on(), allowed);
  sb_realtime_begin(1);
  assert_int_equal(sb_realtime_is_on(), allowed);
  sb_realtime_end();
  assert_int_equal(policy(), during);
  sb_realtime_end();
  assert_int_equal(policy(), SCHED_OTHER);
}

static void what_is_started_meanwhile_is_not(void **state)
{
  (void)state;
  sb_realtime_begin(1);
  pid_t child = fork();
  if (child == 0)
    _exit(policy() == SCHED_OTHER ? 0 : 1);
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  sb_realtime_end();
  assert_int_equal(status, 0);
}

static void it_can_be_raised_again(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    sb_realtime_begin(1);
    assert_int_equal(policy(), allowed ? SCHED_FIFO : SCHED_OTHER);
    sb_realtime_end();
    assert_int_equal(policy(), SCHED_OTHER);
  }
}

static void half_of_the_cpus_are_left_to_others(void **state)
{
  (void)state;
  sb_realtime_begin(half);
  assert_int_equal(sb_realtime_is_on(), allowed);
  sb_realtime_end();
  sb_realtime_begin(half + 1);
  assert_false(sb_realtime_is_on());
  assert_int_equal(policy(), SCHED_OTHER);
  sb_realtime_end();
}

/* How long a turn the kernel gives the thread, ns; 0: it does not tell. */
static uint64_t turn(void)
{
  uint64_t attributes[7] = { 0 };
  long rc = syscall(SYS_sched_getattr, 0, attributes, sizeof attributes, 0u);
  return rc == 0 ? attributes[3] : 0; /* sched_runtime */
}

static void where_it_stays_ordinary_a_thread_takes_short_turns(void **state)
{
  (void)state;
  struct utsname name;
  int major = 0, minor = 0;
  uname(&name);
  if (sscanf(name.release, "%d.%d", &major, &minor) != 2 || major * 100 + minor < 612)
    skip(); /* such a kernel gives all ordinary threads turns of one length */
  uint64_t usual = turn();
  sb_realtime_begin(UINT32_MAX);
  assert_int_equal(policy(), SCHED_OTHER);
  assert_int_equal(turn(), 100 * 1000);
  pid_t child = fork();
  if (child == 0)
    _exit(turn() == usual ? 0 : 1);
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  sb_realtime_end();
  assert_int_equal(turn(), usual);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_thread_is_urgent_while_any_load_runs),
    cmocka_unit_test(what_is_started_meanwhile_is_not),
    cmocka_unit_test(it_can_be_raised_again),
    cmocka_unit_test(half_of_the_cpus_are_left_to_others),
    cmocka_unit_test(where_it_stays_ordinary_a_thread_takes_short_turns),
  };
  return cmocka_run_group_tests(tests, find_out, NULL);
}
