#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "load/arrivals.h"

/* When the requests of an open loop go out. */

enum { N = 20000 };

static int64_t offsets[N];

/* The gaps' mean and standard deviation, in seconds. */
static void measure(sb_arrivals kind, double rate, double burstiness, double *mean, double *sd)
{
  double squares = 0.0;
  assert_int_equal(sb_arrivals_fill(kind, rate, burstiness, 3, N, offsets, NULL), 0);
  assert_true(offsets[0] == 0);
  *mean = (double)offsets[N - 1] / (N - 1) / (double)SB_NS_PER_S;
  for (int i = 1; i < N; i++) {
    double gap = (double)(offsets[i] - offsets[i - 1]) / (double)SB_NS_PER_S;
    assert_true(gap >= 0.0);
    squares += (gap - *mean) * (gap - *mean);
  }
  *sd = sqrt(squares / (N - 1));
}

static void assert_near(double value, double expected, double part)
{
  if (!(fabs(value - expected) <= part * expected))
    fail_msg("%g where %g is expected", value, expected);
}

static void gaps_have_the_rates_mean_and_their_kinds_spread(void **state)
{
  (void)state;
  double mean, sd;
  measure(SB_ARRIVALS_CONSTANT, 50.0, 1.0, &mean, &sd);
  assert_near(mean, 0.02, 1e-9);
  assert_true(sd < 1e-9);
  measure(SB_ARRIVALS_POISSON, 50.0, 1.0, &mean, &sd);
  assert_near(mean, 0.02, 0.03);
  assert_near(sd, mean, 0.03);
  const double burstiness[] = { 0.25, 1.0, 4.0 };
  for (int i = 0; i < 3; i++) {
    measure(SB_ARRIVALS_GAMMA, 50.0, burstiness[i], &mean, &sd);
    assert_near(mean, 0.02, 0.05);
    assert_near(sd, mean / sqrt(burstiness[i]), 0.05);
  }
}

static void one_seed_gives_one_plan(void **state)
{
  (void)state;
  int64_t again[100], other[100];
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_POISSON, 8.0, 1.0, 7, 100, offsets, NULL), 0);
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_POISSON, 8.0, 1.0, 7, 100, again, NULL), 0);
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_POISSON, 8.0, 1.0, 8, 100, other, NULL), 0);
  assert_memory_equal(again, offsets, sizeof again);
  assert_memory_not_equal(other, offsets, sizeof other);
}

static void what_is_no_plan_is_refused(void **state)
{
  (void)state;
  static const double bad[] = { 0.0, -1.0, NAN, INFINITY };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sb_err err;
    assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_GAMMA, bad[i], 1.0, 0, 2, offsets, &err), SB_EINVAL);
    assert_non_null(strstr(err.text, "request rate"));
    assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_GAMMA, 1.0, bad[i], 0, 2, offsets, &err), SB_EINVAL);
    assert_non_null(strstr(err.text, "burstiness"));
  }
}

/* Such a time is beyond 64 bits of nanoseconds: it would have come out as one gone by. */
static void a_rate_too_low_for_any_clock_is_refused(void **state)
{
  (void)state;
  sb_err err;
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_CONSTANT, 1e-12, 1.0, 0, 2, offsets, &err), SB_EINVAL);
  assert_non_null(
      strstr(err.text, "at 1e-12 requests a second request 2 would go out in over a hundred years"));
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_CONSTANT, 0x1p-30, 1.0, 0, 2, offsets, &err), 0);
  assert_true(offsets[1] == (INT64_C(1) << 30) * SB_NS_PER_S);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(gaps_have_the_rates_mean_and_their_kinds_spread),
    cmocka_unit_test(one_seed_gives_one_plan),
    cmocka_unit_test(what_is_no_plan_is_refused),
    cmocka_unit_test(a_rate_too_low_for_any_clock_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
