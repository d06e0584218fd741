#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/lag.h"
#include "net/loop.h"

/* How late the client was. */

static void pause_ms(int ms)
{
  nanosleep(&(struct timespec){ .tv_nsec = ms * 1000L * 1000 }, NULL);
}

/* Stops this process for a while, as a debugger or a suspended machine would. */
static void stand_still(void)
{
  pid_t us = getpid(), other = fork();
  if (other == 0) {
    kill(us, SIGSTOP);
    pause_ms(50);
    kill(us, SIGCONT);
    _exit(0);
  }
  assert_true(other > 0);
  assert_int_equal(waitpid(other, NULL, 0), other);
}

static void run_for_ms(sb_loop *loop, int ms)
{
  for (int64_t end = sb_clock_now() + ms * SB_NS_PER_MS; sb_clock_now() < end;)
    sb_loop_step(loop);
}

/* Also where the timer was heard of before the bytes that waited: it is no longer overdue then. */
static void a_stop_is_not_forgotten_once_the_timer_has_fired(void **state)
{
  (void)state;
  sb_loop *loop = sb_loop_new();
  sb_http *http = sb_http_new(loop, NULL);
  sb_lag *lag = sb_lag_start(loop, http, NULL);
  assert_non_null(lag);
  run_for_ms(loop, 15);
  int64_t t = sb_clock_now();
  stand_still();
  assert_true(sb_lag_held(lag, t) == INT64_MAX);
  sb_loop_step(loop);
  assert_true(sb_lag_held(lag, t) == INT64_MAX);
  sb_lag_free(lag);
  sb_http_free(http);
  sb_loop_free(loop);
}

/* Whether each moment of 10 ms is counted, at work or kept from it by others of this machine. */
static bool all_is_counted(void)
{
  sb_loop *loop = sb_loop_new();
  sb_http *http = sb_http_new(loop, NULL);
  sb_lag *lag = sb_lag_start(loop, http, NULL);
  assert_non_null(lag);
  int64_t t = sb_clock_now();
  bool counted = true;
  for (int64_t spent = 0; spent < 10 * SB_NS_PER_MS && counted; spent += SB_NS_PER_MS / 4) {
    while (sb_clock_now() - t < spent)
      continue;
    counted = sb_lag_held(lag, t) >= spent - SB_NS_PER_MS / 10;
  }
  sb_lag_free(lag);
  sb_http_free(http);
  sb_loop_free(loop);
  return counted;
}

/* The kernel counts a turn of the thread's once it is over. What a hypervisor takes from the whole machine it does not
 * count at all, but that is seldom: one of some tries goes by without. */
static void work_counts_while_it_is_done(void **state)
{
  (void)state;
  bool counted = false;
  for (int tries = 0; tries < 20 && !counted; tries++)
    counted = all_is_counted();
  assert_true(counted);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_stop_is_not_forgotten_once_the_timer_has_fired),
    cmocka_unit_test(work_counts_while_it_is_done),
  };
  return cmocka_run_group_tests_name("lag", tests, NULL, NULL);
}
