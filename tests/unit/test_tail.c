#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/tail.h"

static void a_percentile_needs_what_mlperf_asks(void **state)
{
  (void)state;
  assert_int_equal(sb_tail_needs(90.0), 64);
  assert_int_equal(sb_tail_needs(95.0), 130);
  assert_int_equal(sb_tail_needs(99.0), 662);
  assert_int_equal(sb_tail_needs(99.9), 6636);
}

/* The number of samples beyond is Poisson's then: at most one of 6.63835 that are expected, with 1 %. Told at once. */
static void a_percentile_ever_so_far_out_needs_as_many_more(void **state)
{
  (void)state;
  for (double beyond = 1e-6; beyond > 1e-13; beyond /= 10.0) {
    double expected = (double)sb_tail_needs(100.0 - 100.0 * beyond) * beyond;
    assert_true(fabs(expected - 6.63835) < 0.01);
  }
  assert_int_equal(sb_tail_needs(1e-6), 2);
}

static void near(double value, double expected)
{
  if (!(fabs(value - expected) < 1e-9))
    fail_msg("%.12g where %.12g is expected", value, expected);
}

/* Published tables of the sign test: 95 % of a median lies between the 2nd and the 9th of 10 values, the 6th and the
 * 15th of 20. */
static void a_median_is_bounded_by_the_sign_tests_ranks(void **state)
{
  (void)state;
  sb_tail ten = sb_tail_bounds(50.0, 10, 0.95), twenty = sb_tail_bounds(50.0, 20, 0.95);
  near(ten.low, 100.0 * 1.0 / 9.0);
  near(ten.high, 100.0 * 8.0 / 9.0);
  near(twenty.low, 100.0 * 5.0 / 19.0);
  near(twenty.high, 100.0 * 14.0 / 19.0);
}

static void what_no_value_bounds_is_open(void **state)
{
  (void)state;
  /* 0.99^367 is the last power above 2.5 % */
  assert_true(isnan(sb_tail_bounds(99.0, 367, 0.95).high));
  near(sb_tail_bounds(99.0, 368, 0.95).high, 100.0);
  assert_true(!isnan(sb_tail_bounds(99.0, 80, 0.95).low));
  assert_true(isnan(sb_tail_bounds(99.0, 0, 0.95).low) && isnan(sb_tail_bounds(99.0, 0, 0.95).high));
  assert_true(isnan(sb_tail_bounds(50.0, 1, 0.95).low) && isnan(sb_tail_bounds(50.0, 1, 0.95).high));
  sb_tail many = sb_tail_bounds(99.0, 100000, 0.95);
  assert_true(many.low > 98.9 && many.low < 99.0 && many.high > 99.0 && many.high < 99.1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_percentile_needs_what_mlperf_asks),
    cmocka_unit_test(a_percentile_ever_so_far_out_needs_as_many_more),
    cmocka_unit_test(a_median_is_bounded_by_the_sign_tests_ranks),
    cmocka_unit_test(what_no_value_bounds_is_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
