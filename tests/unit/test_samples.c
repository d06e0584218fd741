#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/samples.h"

/* Expected figures of the numpy_ tests were computed once with numpy 2.4.6 (percentile, mean, std). */

static void near(double value, double expected)
{
  if (!(fabs(value - expected) <= 1e-12 * fmax(1.0, fabs(expected))))
    fail_msg("%.17g where %.17g is expected", value, expected);
}

static double unsorted_percentile(sb_samples *samples, double percent)
{
  double value;
  sb_samples_percentiles(samples, &percent, 1, &value);
  return value;
}

static void no_samples_have_no_figures(void **state)
{
  (void)state;
  sb_samples samples = { 0 };
  sb_summary summary;
  sb_samples_add(&samples, NAN);
  sb_samples_add_weighted(&samples, 3.0, 0);
  sb_samples_summary(&samples, &summary);
  assert_true(summary.count == 0.0);
  assert_true(isnan(summary.mean) && isnan(summary.std) && isnan(summary.p99) && isnan(summary.max));
  sb_samples_deinit(&samples);
}

static void one_sample_is_every_percentile(void **state)
{
  (void)state;
  sb_samples samples = { 0 };
  sb_summary summary;
  sb_samples_add(&samples, 4.5);
  sb_samples_summary(&samples, &summary);
  assert_true(summary.min == 4.5 && summary.median == 4.5 && summary.p999 == 4.5 && summary.max == 4.5);
  assert_true(summary.mean == 4.5 && summary.std == 0.0 && summary.count == 1.0);
  sb_samples_deinit(&samples);
}

static void spread_is(sb_samples *samples, double mean, double std)
{
  sb_summary summary;
  sb_samples_summary(samples, &summary);
  near(summary.mean, mean);
  near(summary.std, std);
}

static void numpy_agrees_on_a_short_list(void **state)
{
  (void)state;
  const double values[] = { 0.1, 0.7, 0.2, 3.3, 9.9, 2.5, 0.4, 7.7, 1.1, 5.3 };
  const double expected[][2] = { { 0, 0.1 },
                                 { 25, 0.475 },
                                 { 50, 1.8 },
                                 { 90, 7.919999999999999 },
                                 { 95, 8.909999999999998 },
                                 { 99, 9.702 },
                                 { 99.9, 9.880200000000004 },
                                 { 100, 9.9 } };
  sb_samples samples = { 0 };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    sb_samples_add(&samples, values[i]);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    assert_true(unsorted_percentile(&samples, expected[i][0]) == expected[i][1]);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    assert_true(sb_samples_percentile(&samples, expected[i][0]) == expected[i][1]);
  spread_is(&samples, 3.12, 3.27255252058695);
  sb_samples_deinit(&samples);
}

static void numpy_agrees_on_weights_written_out(void **state)
{
  (void)state;
  const double expected[][2] = { { 0, 0 },
                                 { 20, 0 },
                                 { 25, 1.25 },
                                 { 50, 4.75 },
                                 { 90, 4.75 },
                                 { 95, 7.875 },
                                 { 99, 10.375000000000002 },
                                 { 99.9, 10.937500000000012 },
                                 { 100, 11 } };
  sb_samples samples = { 0 };
  sb_samples_add_weighted(&samples, 4.75, 5);
  sb_samples_add_weighted(&samples, 0.0, 3);
  sb_samples_add_weighted(&samples, 11.0, 1);
  sb_samples_add_weighted(&samples, 2.5, 2);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    assert_true(unsorted_percentile(&samples, expected[i][0]) == expected[i][1]);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    assert_true(sb_samples_percentile(&samples, expected[i][0]) == expected[i][1]);
  spread_is(&samples, 3.6136363636363638, 3.0551068207102703);
  sb_samples_deinit(&samples);
}

static void numpy_agrees_on_ten_thousand_with_negative_ones(void **state)
{
  (void)state;
  const double expected[][2] = { { 0, -1999.876 },           { 1, -1917.89608 }, { 50, 2195.9985 },
                                 { 90, 5542.2352 },          { 99, 6305.18867 }, { 99.9, 6380.002101 },
                                 { 100, 6388.5380000000005 } };
  sb_samples samples = { 0 };
  uint64_t x = 12345;
  for (int i = 0; i < 10000; i++) {
    x = (x * 1103515245 + 12345) % (UINT64_C(1) << 31);
    sb_samples_add(&samples, (double)(x >> 8) / 1000.0 - 2000.0);
  }
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    near(unsorted_percentile(&samples, expected[i][0]), expected[i][1]);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    near(sb_samples_percentile(&samples, expected[i][0]), expected[i][1]);
  spread_is(&samples, 2208.0565314000005, 2427.8257606242328);
  sb_samples_deinit(&samples);
}

static void sorting_orders_any_number_and_loses_none(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 11, 3);
  const size_t counts[] = { 1, 2, 100, 4095, 4096, 30000 };
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    sb_samples samples = { 0 };
    uint64_t weights = 0;
    double sum = 0.0;
    for (size_t i = 0; i < counts[c]; i++) {
      /* from 1e-12 to 1e12, both signs: every digit of the keys differs */
      double value = sb_rng_normal(&rng) * pow(10.0, (double)sb_rng_below(&rng, 25) - 12.0);
      value = i % 10 ? value : round(value);
      uint64_t weight = 1 + sb_rng_below(&rng, 4);
      sb_samples_add_weighted(&samples, value, weight);
      weights += weight;
      sum += fabs(value) * (double)weight;
    }
    sb_samples_sort(&samples);
    double sorted_sum = fabs(samples.values[0]) * (double)sb_samples_weight(&samples, 0);
    for (size_t i = 1; i < samples.count; i++) {
      assert_true(samples.values[i - 1] <= samples.values[i]);
      sorted_sum += fabs(samples.values[i]) * (double)sb_samples_weight(&samples, i);
    }
    assert_int_equal(samples.count, counts[c]);
    assert_int_equal(samples.total, weights);
    assert_true(fabs(sorted_sum - sum) <= 1e-9 * sum);
    sb_samples_deinit(&samples);
  }
}

enum { SPREAD, EQUAL, CLUSTERED, FEW_DIFFERENT, SHAPES };

static double drawn(sb_rng *rng, int shape)
{
  switch (shape) {
  case SPREAD: return sb_rng_normal(rng) * pow(10.0, (double)sb_rng_below(rng, 25) - 12.0);
  case EQUAL: return 4.75;
  case CLUSTERED: /* gaps: most near one step, some 0, a few very long */
    return sb_rng_below(rng, 50) == 0
               ? 0.0
               : (10.0 + 0.01 * sb_rng_normal(rng)) * (sb_rng_below(rng, 5000) ? 1 : 1e9);
  default: return (double)sb_rng_below(rng, 3) - 1.0;
  }
}

/* The summary of samples, weighted or not, against the percentiles of the sorted list written out in full. */
static void a_summary_selects_what_sorting_finds(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 12, 3);
  const size_t counts[] = { 1, 2, 3, 16, 17, 100, 1024, 5000, 40000 };
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (int shape = 0; shape < SHAPES; shape++)
      for (unsigned most = 1; most <= 4; most += 3) {
        sb_samples samples = { 0 }, written_out = { 0 };
        for (size_t i = 0; i < counts[c]; i++) {
          double value = drawn(&rng, shape);
          uint64_t weight = 1 + sb_rng_below(&rng, most);
          sb_samples_add_weighted(&samples, value, weight);
          for (uint64_t w = 0; w < weight; w++)
            sb_samples_add(&written_out, value);
        }
        sb_summary summary;
        sb_samples_summary(&samples, &summary);
        assert_true(summary.count == (double)written_out.count);
#define SAME(context, name, percent) \
  assert_true(summary.name == sb_samples_percentile(&written_out, percent));
        SB_SUMMARY_PERCENTILES(SAME, )
#undef SAME
        sb_samples_deinit(&samples);
        sb_samples_deinit(&written_out);
      }
}

static void zeros_beside_the_samples_are_as_if_they_were_among_them(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 13, 3);
  const size_t counts[] = { 0, 1, 2, 17, 3000 };
  const uint64_t zeros[] = { 0, 1, 50, 5000 };
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (size_t z = 0; z < sizeof zeros / sizeof *zeros; z++) {
      sb_samples samples = { 0 }, all = { 0 };
      sb_samples_add_weighted(&all, 0.0, zeros[z]);
      for (size_t i = 0; i < counts[c]; i++) {
        double value = drawn(&rng, CLUSTERED);
        sb_samples_add(&samples, value);
        sb_samples_add(&all, value);
      }
      double alone[SB_PERCENTILES], beside[SB_PERCENTILES], alone_wanted[SB_PERCENTILES],
          wanted[SB_PERCENTILES];
      sb_samples_percentiles(&all, sb_summary_percents, SB_PERCENTILES, wanted);
      sb_samples_percentiles_and_with_zeros(&samples, zeros[z], sb_summary_percents, SB_PERCENTILES, alone,
                                            beside);
      sb_samples_sort(&samples);
      sb_samples_percentiles(&samples, sb_summary_percents, SB_PERCENTILES, alone_wanted);
      assert_memory_equal(wanted, beside, sizeof wanted);
      assert_memory_equal(alone_wanted, alone, sizeof alone);
      sb_samples_deinit(&samples);
      sb_samples_deinit(&all);
    }
}

static void equal_samples_have_equal_weights(void **state)
{
  (void)state;
  sb_samples a = { 0 }, b = { 0 };
  assert_true(sb_samples_equal(&a, &b));
  sb_samples_add(&a, 2.0);
  assert_false(sb_samples_equal(&a, &b));
  sb_samples_add_weighted(&b, 2.0, 1);
  assert_true(sb_samples_equal(&a, &b));
  sb_samples_add_weighted(&a, 3.0, 2);
  sb_samples_add(&b, 3.0);
  assert_false(sb_samples_equal(&a, &b));
  sb_samples_deinit(&b);
  sb_samples_add(&b, 2.0);
  sb_samples_add_weighted(&b, 3.0, 2);
  assert_true(sb_samples_equal(&a, &b));
  sb_samples_deinit(&a);
  sb_samples_deinit(&b);
}

static void a_sample_added_after_a_percentile_counts(void **state)
{
  (void)state;
  sb_samples samples = { 0 };
  sb_samples_add(&samples, 2.0);
  sb_samples_add(&samples, 4.0);
  assert_true(sb_samples_percentile(&samples, 50) == 3.0);
  sb_samples_add(&samples, 0.0);
  assert_true(sb_samples_percentile(&samples, 50) == 2.0);
  sb_samples_deinit(&samples);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_samples_have_no_figures),
    cmocka_unit_test(one_sample_is_every_percentile),
    cmocka_unit_test(numpy_agrees_on_a_short_list),
    cmocka_unit_test(numpy_agrees_on_weights_written_out),
    cmocka_unit_test(numpy_agrees_on_ten_thousand_with_negative_ones),
    cmocka_unit_test(sorting_orders_any_number_and_loses_none),
    cmocka_unit_test(a_summary_selects_what_sorting_finds),
    cmocka_unit_test(zeros_beside_the_samples_are_as_if_they_were_among_them),
    cmocka_unit_test(equal_samples_have_equal_weights),
    cmocka_unit_test(a_sample_added_after_a_percentile_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
