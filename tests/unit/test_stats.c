#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/bootstrap.h"
#include "measure/interval.h"
#include "measure/student.h"

static void near(double value, double expected)
{
  if (!(fabs(value - expected) <= 1e-10 * fmax(1e-3, fabs(expected))))
    fail_msg("%.17g where %.17g is expected", value, expected);
}

static double student_cdf(double t, double dof)
{
  double tail = 0.5 * sb_student_two_sided(t, dof);
  return t > 0.0 ? 1.0 - tail : tail;
}

/* With 1 and 2 degrees of freedom the distribution is an elementary function. */
static void students_distribution_agrees_with_its_closed_forms(void **state)
{
  (void)state;
  const double points[] = { -40.0, -3.0, -0.7, 0.0, 1e-6, 0.2, 1.0, 5.0, 300.0 };
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    double t = points[i];
    near(student_cdf(t, 1.0), 0.5 + atan(t) / 3.141592653589793);
    near(student_cdf(t, 2.0), 0.5 + t / (2.0 * sqrt(2.0 + t * t)));
  }
  near(sb_student_two_sided(1e8, 2.0), 1e-16); /* 1 - cdf has no digits left here */
  assert_true(sb_student_two_sided(INFINITY, 4.0) == 0.0 && isnan(sb_student_two_sided(NAN, 4.0)));
}

/* Published tables of t, to the digits they have. */
static void students_quantiles_agree_with_the_tables(void **state)
{
  (void)state;
  const struct {
    double p, dof, t;
  } table[] = {
    { 0.975, 1, 12.706 }, { 0.975, 2, 4.303 },  { 0.975, 4, 2.776 },
    { 0.975, 9, 2.262 },  { 0.975, 30, 2.042 }, { 0.995, 2, 9.925 },
    { 0.995, 9, 3.250 },  { 0.9, 5, 1.476 },    { 0.95, 120, 1.658 },
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    double t = sb_student_quantile(table[i].p, table[i].dof);
    assert_true(fabs(t - table[i].t) <= 0.0006);
    near(sb_student_quantile(1.0 - table[i].p, table[i].dof), -t);
  }
  near(sb_normal_quantile(0.975), 1.959963984540054);
  assert_true(isnan(sb_student_quantile(0.0, 3.0)) && isnan(sb_student_quantile(1.5, 3.0)));
}

static void quantiles_undo_the_distribution(void **state)
{
  (void)state;
  const double dofs[] = { 1.0, 2.5, 7.0, 40.0, 1e4 };
  for (size_t d = 0; d < sizeof dofs / sizeof *dofs; d++)
    for (double p = 1e-9; p < 1.0; p = p < 0.01 ? p * 10.0 : p + 0.0491)
      near(student_cdf(sb_student_quantile(p, dofs[d]), dofs[d]), p);
  for (double p = 0.001; p < 1.0; p += 0.0391)
    near(sb_normal_cdf(sb_normal_quantile(p)), p);
}

static void an_interval_over_three_repeats(void **state)
{
  (void)state;
  const double values[] = { 0.1, 0.2, 0.6 };
  sb_interval interval;
  sb_interval_t(values, 3, 0.95, &interval);
  double error = sqrt(0.14 / 2.0) / sqrt(3.0), t = sb_student_quantile(0.975, 2.0);
  near(interval.mean, 0.3);
  near(interval.sd, sqrt(0.07));
  near(interval.high, 0.3 + t * error);
  near(interval.low, 0.3 - t * error);
  near(interval.p, sb_student_two_sided(0.3 / error, 2.0));
  /* p and the interval are the same test: an interval of level 1 - p ends at 0 */
  sb_interval_t(values, 3, 1.0 - interval.p, &interval);
  assert_true(fabs(interval.low) < 1e-9);
}

static void too_few_repeats_have_no_interval(void **state)
{
  (void)state;
  const double values[] = { 0.1, 0.2 };
  sb_interval interval;
  for (size_t count = 0; count <= 2; count++) {
    sb_interval_t(values, count, 0.95, &interval);
    assert_true(isnan(interval.low) && isnan(interval.high) && isnan(interval.p));
    assert_int_equal(sb_interval_verdict(&interval, 0.0, 0.02, 0.05), SB_VERDICT_NONE);
  }
  near(interval.mean, 0.15);
}

static void repeats_that_agree_exactly_are_certain(void **state)
{
  (void)state;
  const double equal[] = { 0.3, 0.3, 0.3 }, zero[] = { 0.0, 0.0, 0.0 };
  sb_interval interval;
  sb_interval_t(equal, 3, 0.95, &interval);
  assert_true(interval.p == 0.0 || interval.p < 1e-12);
  sb_interval_t(zero, 3, 0.95, &interval);
  assert_true(interval.p == 1.0 && interval.low == 0.0 && interval.high == 0.0);
}

static sb_verdict verdict_of(double low, double high, double adjusted_p)
{
  sb_interval interval = { .low = log(low), .high = log(high) };
  return sb_interval_verdict(&interval, adjusted_p, 0.02, 0.05);
}

static void verdicts(void **state)
{
  (void)state;
  assert_int_equal(verdict_of(1.1, 1.3, 0.01), SB_VERDICT_FASTER);
  assert_int_equal(verdict_of(0.7, 0.9, 0.01), SB_VERDICT_SLOWER);
  assert_int_equal(verdict_of(0.985, 1.015, 0.9), SB_VERDICT_TIE);
  assert_int_equal(verdict_of(1.005, 1.015, 0.001), SB_VERDICT_TIE); /* surely above 1, but by too little */
  assert_int_equal(verdict_of(0.97, 1.015, 0.9), SB_VERDICT_UNDECIDED);
  assert_int_equal(verdict_of(1.1, 1.3, 0.06), SB_VERDICT_UNDECIDED); /* not among so many cells */
  assert_int_equal(verdict_of(0.9, 1.3, 0.01), SB_VERDICT_UNDECIDED);
  assert_int_equal(verdict_of(1.1, 1.3, NAN), SB_VERDICT_UNDECIDED);
  assert_string_equal(sb_verdict_name(SB_VERDICT_SLOWER), "slower");
}

static void benjamini_and_hochberg_by_hand(void **state)
{
  (void)state;
  double p[] = { 0.01, NAN, 0.04, 0.03, 0.005, 1.0 };
  const double expected[] = { 0.025, NAN, 0.05, 0.05, 0.025, 1.0 };
  sb_false_discovery(p, 6);
  for (int i = 0; i < 6; i++)
    if (isnan(expected[i]))
      assert_true(isnan(p[i]));
    else
      near(p[i], expected[i]);
  sb_false_discovery(p, 0);
}

static void mean_of(const double *sums, size_t count, double *figures)
{
  figures[0] = sums[0] / (double)count;
  figures[1] = sums[1] / sums[0];
}

static sb_bootstrap bootstrap_of(const double *rows, size_t count)
{
  return (sb_bootstrap){ .rows = rows,
                         .count = count,
                         .columns = 2,
                         .figures = 2,
                         .compute = mean_of,
                         .resamples = 4000,
                         .level = 0.95,
                         .seed = 1 };
}

static void the_bootstrap_of_a_mean_has_the_normal_width(void **state)
{
  (void)state;
  enum { N = 400 };
  double rows[2 * N], sum = 0.0, squares = 0.0;
  sb_rng rng;
  sb_rng_init(&rng, 3, 0);
  for (int i = 0; i < N; i++) {
    rows[2 * i] = 5.0 + sb_rng_normal(&rng);
    rows[2 * i + 1] = 2.0 * rows[2 * i];
    sum += rows[2 * i];
    squares += rows[2 * i] * rows[2 * i];
  }
  double mean = sum / N, error = sqrt((squares / N - mean * mean) / N);
  sb_bootstrap bootstrap = bootstrap_of(rows, N);
  sb_bounds bounds[2], again[2];
  sb_bootstrap_run(&bootstrap, bounds);
  near(bounds[0].value, mean);
  assert_true(fabs(bounds[0].low - (mean - 1.96 * error)) < 0.15 * error);
  assert_true(fabs(bounds[0].high - (mean + 1.96 * error)) < 0.15 * error);
  /* a ratio that is the same in every row has no spread */
  assert_true(fabs(bounds[1].low - 2.0) < 1e-9 && fabs(bounds[1].high - 2.0) < 1e-9);
  sb_bootstrap_run(&bootstrap, again);
  assert_true(again[0].low == bounds[0].low && again[0].high == bounds[0].high);
  bootstrap.seed = 2;
  sb_bootstrap_run(&bootstrap, again);
  assert_true(again[0].low != bounds[0].low);
}

/* The exact interval of an exponential's mean is longer above than below; BCa leans likewise. */
static void the_bootstrap_leans_with_skewed_samples(void **state)
{
  (void)state;
  enum { N = 30 };
  double rows[2 * N];
  for (int i = 0; i < N; i++) {
    rows[2 * i] = -log(1.0 - (i + 0.5) / N); /* the distribution's own quantiles */
    rows[2 * i + 1] = 1.0;
  }
  sb_bootstrap bootstrap = bootstrap_of(rows, N);
  sb_bounds bounds[2];
  sb_bootstrap_run(&bootstrap, bounds);
  double above = bounds[0].high - bounds[0].value, below = bounds[0].value - bounds[0].low;
  assert_true(above > 1.3 * below && above < 2.2 * below);
}

static void a_bootstrap_needs_two_rows_and_known_figures(void **state)
{
  (void)state;
  double rows[] = { 1.0, 2.0, NAN, 2.0 };
  sb_bootstrap bootstrap = bootstrap_of(rows, 1);
  sb_bounds bounds[2];
  sb_bootstrap_run(&bootstrap, bounds);
  assert_true(bounds[0].value == 1.0 && isnan(bounds[0].low));
  bootstrap.count = 2;
  sb_bootstrap_run(&bootstrap, bounds);
  assert_true(isnan(bounds[0].value) && isnan(bounds[0].low) && isnan(bounds[0].high));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(students_distribution_agrees_with_its_closed_forms),
    cmocka_unit_test(students_quantiles_agree_with_the_tables),
    cmocka_unit_test(quantiles_undo_the_distribution),
    cmocka_unit_test(an_interval_over_three_repeats),
    cmocka_unit_test(too_few_repeats_have_no_interval),
    cmocka_unit_test(repeats_that_agree_exactly_are_certain),
    cmocka_unit_test(verdicts),
    cmocka_unit_test(benjamini_and_hochberg_by_hand),
    cmocka_unit_test(the_bootstrap_of_a_mean_has_the_normal_width),
    cmocka_unit_test(the_bootstrap_leans_with_skewed_samples),
    cmocka_unit_test(a_bootstrap_needs_two_rows_and_known_figures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
