#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/decompose.h"
#include "measure/paired.h"
#include "measure/stopping.h"
#include "measure/student.h"
#include "measure/withinrun.h"
#include "measure_fixture.h"

/* Request i of a run: prompt `prompt`, `steps` chunks of `tokens` each, the first after `wait` ms, then one
 * every `step` ms. */
static sb_record *answer(sb_run *run, uint32_t i, uint32_t prompt, double wait, double step, int steps,
                         uint32_t tokens)
{
  sb_record *record = fixture_request(run, i, 0.0, wait + step * (steps - 1));
  record->prompt_id = prompt;
  record->prompt_tokens = 10;
  for (int s = 0; s < steps; s++)
    fixture_chunk(record, wait + step * s, s ? tokens : 1, true);
  return record;
}

static void equal_lengths_are_compared(void **state)
{
  (void)state;
  sb_run *baseline = sb_run_new(2), *method = sb_run_new(2);
  answer(baseline, 0, 7, 100.0, 10.0, 11, 1); /* 11 tokens, the 5th after 140 ms */
  answer(baseline, 1, 3, 100.0, 10.0, 5, 1);  /* 5 tokens, the 5th after 140 ms */
  answer(method, 0, 3, 80.0, 30.0, 4, 3);     /* 1 4 7 10 tokens: the 5th came after 140 ms */
  answer(method, 1, 7, 60.0, 10.0, 3, 2);     /* 5 tokens: the 5th after 80 ms */
  sb_pairs pairs;
  sb_pairs_make(baseline, method, &pairs);
  assert_int_equal(pairs.count, 2);
  assert_int_equal(pairs.items[0].baseline->prompt_id, 3);
  fixture_near(pairs.items[0].log_ratio, log(140.0 / 140.0));
  fixture_near(pairs.items[1].log_ratio, log(140.0 / 80.0));
  fixture_near(exp(sb_pairs_log_ratio(&pairs)), sqrt(140.0 / 80.0));
  sb_pairs_deinit(&pairs);
  sb_run_free(baseline);
  sb_run_free(method);
}

static void scaled_clocks_are_taken_back(void **state)
{
  (void)state;
  sb_run *baseline = sb_run_new(1), *method = sb_run_new(1);
  answer(baseline, 0, 1, 100.0, 10.0, 3, 1);
  answer(method, 0, 1, 100.0, 10.0, 3, 1);
  method->clock_scale = 0.5;
  sb_pairs pairs;
  sb_pairs_make(baseline, method, &pairs);
  fixture_near(exp(sb_pairs_log_ratio(&pairs)), 2.0);
  sb_pairs_deinit(&pairs);
  sb_run_free(baseline);
  sb_run_free(method);
}

static void only_prompts_that_both_completed_are_pairs(void **state)
{
  (void)state;
  sb_run *baseline = sb_run_new(4), *method = sb_run_new(3);
  answer(baseline, 0, 1, 50.0, 10.0, 3, 1);
  answer(baseline, 1, 2, 50.0, 10.0, 3, 1)->outcome = SB_OUTCOME_TIMEOUT;
  answer(baseline, 2, 4, 50.0, 10.0, 3, 1);
  answer(baseline, 3, 1, 90.0, 10.0, 3, 1)->text_hash = 5; /* prompt 1 once more */
  answer(method, 0, 1, 50.0, 10.0, 3, 1);
  answer(method, 1, 2, 50.0, 10.0, 3, 1);
  answer(method, 2, 1, 45.0, 10.0, 3, 1);
  sb_pairs pairs;
  sb_pairs_make(baseline, method, &pairs);
  assert_int_equal(pairs.count, 2);
  assert_int_equal(pairs.baseline_only, 1);
  assert_int_equal(pairs.method_only, 1);
  assert_int_equal(pairs.identical, 1);
  fixture_near(pairs.items[0].log_ratio, 0.0);
  fixture_near(pairs.items[1].log_ratio, log(110.0 / 65.0)); /* the second time with the second */
  sb_pairs_deinit(&pairs);
  sb_run_free(baseline);
  sb_run_free(method);
}

static void one_prompt_without_token_times_leaves_no_paired_figure(void **state)
{
  (void)state;
  sb_run *baseline = sb_run_new(2), *method = sb_run_new(2);
  for (uint32_t i = 0; i < 2; i++) {
    answer(baseline, i, i, 50.0, 10.0, 3, 1);
    answer(method, i, i, 50.0, 10.0, 3, 1);
  }
  method->records[1].token_source = SB_TOKENS_USAGE_TOTAL;
  method->records[1].completion_tokens = 3;
  sb_pairs pairs;
  sb_pairs_make(baseline, method, &pairs);
  assert_int_equal(pairs.count, 2);
  assert_int_equal(pairs.timed, 1);
  assert_true(isnan(sb_pairs_log_ratio(&pairs)));
  sb_pairs_deinit(&pairs);
  sb_run_free(baseline);
  sb_run_free(method);
}

static void within_run_figures_are_the_runs_own(void **state)
{
  (void)state;
  enum { N = 12 };
  sb_run *baseline = sb_run_new(N), *method = sb_run_new(N);
  for (uint32_t i = 0; i < N; i++) {
    answer(baseline, i, i, 100.0, 10.0, 11 + (int)i, 1);
    answer(method, i, i, 100.0, 5.0 + 0.125 * i, 11 + (int)i, 1);
  }
  sb_pairs pairs;
  sb_withinrun bounds;
  const double scales[1][2] = { { 1.0, 1.0 } };
  sb_pairs_make(baseline, method, &pairs);
  sb_withinrun_compute(&pairs, 1, scales, 0.95, 4, &bounds);
  double before = 0.0, after = 0.0;
  for (int i = 0; i < N; i++) {
    before += 10.0 * (10 + i);
    after += (5.0 + 0.125 * i) * (10 + i);
  }
  fixture_near(bounds.decode.value, log(before / after));
  fixture_near(bounds.output_throughput.value, log((before + N * 100.0) / (after + N * 100.0)));
  fixture_near(bounds.paired.value, sb_pairs_log_ratio(&pairs));
  assert_true(bounds.decode.low < bounds.decode.value && bounds.decode.value < bounds.decode.high);
  assert_true(bounds.total_throughput.low < bounds.total_throughput.high);
  baseline->records[0].prompt_tokens = -1; /* the total is not known any more, the rest is */
  sb_withinrun_compute(&pairs, 1, scales, 0.95, 4, &bounds);
  assert_true(isnan(bounds.total_throughput.value) && !isnan(bounds.output_throughput.value));
  baseline->records[0].data_prompt_tokens = 10; /* told by the data, as a cell's figures have it */
  sb_withinrun_compute(&pairs, 1, scales, 0.95, 4, &bounds);
  assert_true(!isnan(bounds.total_throughput.value));
  sb_pairs_deinit(&pairs);
  sb_run_free(baseline);
  sb_run_free(method);
}

/* Two streams, three answers of 1 + 4 steps at 10 ms: the third is prefilled for 30 ms while the second
 * decodes, and one gap of that is stalled. */
static sb_run *decoded_run(double step, uint32_t tokens)
{
  sb_run *run = sb_run_new(2);
  run->concurrency = 2;
  answer(run, 0, 0, 40.0, step, 5, tokens);
  sb_record *late = fixture_request(run, 1, 20.0, 0.0);
  late->prompt_id = 1;
  fixture_chunk(late, 40.0 + 1.5 * step, 1, true); /* stalls the other's second gap */
  for (int s = 1; s < 5; s++)
    fixture_chunk(late, 40.0 + 1.5 * step + step * s, tokens, true);
  return run;
}

static void a_side_is_split_into_its_shares(void **state)
{
  (void)state;
  sb_run *run = decoded_run(10.0, 3);
  sb_decode_side side;
  assert_true(sb_decode_side_measure(run, 3.0, true, &side));
  fixture_near(side.step_ms, 10.0);
  /* 95 ms of two streams: waiting 40 + 35, decoding 40 + 40 */
  fixture_near(side.waiting, 75.0 / 190.0);
  fixture_near(side.idle, 1.0 - 155.0 / 190.0);
  fixture_near(side.stalled, 0.0);
  fixture_near(side.first_tokens, 26.0 / 24.0);
  sb_decode_side by_token;
  assert_true(sb_decode_side_measure(run, 3.0, false, &by_token));
  fixture_near(by_token.step_ms, 10.0);
  sb_run_free(run);
}

static void the_factors_multiply_to_the_measured_ratio(void **state)
{
  (void)state;
  sb_run *baseline = decoded_run(8.0, 1), *method = decoded_run(12.0, 3);
  sb_decode_side sides[2];
  assert_true(sb_decode_side_measure(baseline, 1.0, true, &sides[0]));
  assert_true(sb_decode_side_measure(method, 3.0, true, &sides[1]));
  double measured = (26.0 / 106.0) / (10.0 / 84.0); /* tokens / from 0 to 40 + 5.5 steps */
  sb_decomposition found;
  sb_decompose(&sides[0], &sides[1], measured, &found);
  fixture_near(found.tokens, 3.0);
  fixture_near(found.step, 8.0 / 12.0);
  fixture_near(found.product, measured);
  fixture_near(found.unexplained, 1.0);
  sb_run_free(baseline);
  sb_run_free(method);
}

static void runs_that_cannot_tell_have_no_sides(void **state)
{
  (void)state;
  sb_decode_side side;
  sb_run *run = decoded_run(10.0, 3);
  run->concurrency = 0;
  assert_false(sb_decode_side_measure(run, 3.0, true, &side));
  run->concurrency = 2;
  run->records[1].outcome = SB_OUTCOME_TIMEOUT;
  assert_false(sb_decode_side_measure(run, 3.0, true, &side));
  run->records[1].outcome = SB_OUTCOME_OK;
  run->records[0].token_source = SB_TOKENS_USAGE_TOTAL;
  assert_false(sb_decode_side_measure(run, 3.0, true, &side));
  sb_run_free(run);
  run = sb_run_new(1); /* all chunks at once, as after a stall of the client */
  run->concurrency = 1;
  answer(run, 0, 0, 40.0, 0.0, 5, 1);
  assert_false(sb_decode_side_measure(run, 3.0, true, &side));
  sb_run_free(run);
  run = sb_run_new(0);
  assert_false(sb_decode_side_measure(run, 3.0, true, &side));
  sb_run_free(run);
}

static void steins_rule_takes_the_number_from_the_pilot(void **state)
{
  (void)state;
  sb_stopping rule = { .until = SB_UNTIL_WIDTH, .width = 0.03, .cap = 20 };
  double values[20] = { 0.30, 0.32, 0.34, 0.36, 0.38 };
  sb_stopping_state now;
  sb_stopping_judge(&rule, values, 4, &now);
  assert_true(now.more && now.wanted == 5 && isnan(now.interval.low));
  sb_stopping_judge(&rule, values, 5, &now);
  /* sd 0.0316: (2.776 x 0.0316 / 0.03)^2 = 8.56 */
  assert_true(now.more && now.wanted == 9);
  for (int i = 5; i < 9; i++)
    values[i] = 0.34 + i; /* wild, but the pilot has decided */
  sb_stopping_judge(&rule, values, 9, &now);
  assert_true(!now.more);
  double reach = sb_student_quantile(0.975, 4.0) * sqrt(0.001) / 3.0;
  fixture_near(now.interval.high - now.interval.mean, reach);
  assert_true(reach <= 0.03);
  rule.cap = 7;
  sb_stopping_judge(&rule, values, 5, &now);
  assert_int_equal(now.wanted, 7);
}

/* The definition written out for a cap of 10, whose four looks spend 0.0586 by themselves: p as a share of the look's
 * spending, and in the tail, from 0.05 / 50 on, as one of the sum. */
static double spent(double p, double share)
{
  double whole = 0.05 * p / share, tail = log(0.05 / whole) / log(50.0);
  return whole >= 0.05 ? whole : whole * (1.0 + 0.172 * (tail < 1.0 ? tail : 1.0));
}

/* What proof_stopping.c shows for all caps and effects, in one: without an effect the looks together find one in 5 %,
 * no more, and not much less, for what is not spent costs repeats. */
static void the_looks_together_spend_what_they_may(void **state)
{
  (void)state;
  enum { EXPERIMENTS = 2000 };
  sb_stopping rule = { .until = SB_UNTIL_DECIDED, .tie = 0.0, .cap = 10 };
  int claims = 0;
  sb_rng rng;
  sb_rng_init(&rng, 21, 0);
  for (int e = 0; e < EXPERIMENTS; e++) {
    sb_stopping_state now = { .wanted = 3, .more = true };
    double values[10];
    for (size_t count = 0; now.more;) {
      while (count < now.wanted)
        values[count++] = sb_rng_normal(&rng);
      sb_stopping_judge(&rule, values, count, &now);
    }
    claims += now.interval.p <= 0.05;
  }
  if (claims < 0.038 * EXPERIMENTS || claims > 0.058 * EXPERIMENTS)
    fail_msg("%d of %d", claims, EXPERIMENTS);
}

static void clear_differences_stop_at_the_first_look(void **state)
{
  (void)state;
  sb_stopping rule = { .until = SB_UNTIL_DECIDED, .tie = 0.02, .cap = 10 };
  const double clear[] = { 0.34, 0.33, 0.35 }, equal[] = { 0.0001, -0.0001, 0.0 };
  sb_stopping_state now;
  sb_stopping_judge(&rule, clear, 2, &now);
  assert_true(now.more && now.wanted == 3 && isnan(now.interval.low));
  sb_stopping_judge(&rule, clear, 3, &now);
  assert_true(!now.more && now.interval.low > 0.0 && now.wanted == 3 && now.next == 5);
  sb_interval plain;
  sb_interval_t(clear, 3, 0.95, &plain);
  assert_true(now.interval.low < plain.low && now.interval.high > plain.high); /* looking has its price */
  fixture_near(now.interval.p, spent(plain.p, 0.0204));
  assert_true(now.interval.p > 2.5 * plain.p && now.interval.p < 3.0 * plain.p);
  sb_stopping_judge(&rule, equal, 3, &now);
  assert_true(!now.more);
}

static void doubtful_ones_go_on_to_the_cap(void **state)
{
  (void)state;
  sb_stopping rule = { .until = SB_UNTIL_DECIDED, .tie = 0.02, .cap = 10 };
  const double values[] = { 0.05, -0.04, 0.06, -0.03, 0.05, -0.06, 0.04, -0.05, 0.03, 0.06 };
  const size_t next[] = { 3, 3, 3, 5, 5, 8, 8, 8, 10, 10, 10 };
  sb_stopping_state now;
  for (size_t count = 0; count <= 10; count++) {
    sb_stopping_judge(&rule, values, count, &now);
    assert_int_equal(now.wanted, count < 3 ? next[count] : count < 5 ? 5 : count < 8 ? 8 : 10);
    assert_int_equal(now.more, count < 10);
  }
  double shifted[10];
  for (int i = 0; i < 10; i++)
    shifted[i] = values[i] + 0.06;
  sb_interval plain;
  sb_interval_t(shifted, 10, 0.95, &plain);
  sb_stopping_judge(&rule, shifted, 10, &now);
  assert_true(plain.p < 0.01);
  fixture_near(now.interval.p, spent(plain.p, 0.0102));
}

static void a_cap_of_one_look_is_a_fixed_number_of_repeats(void **state)
{
  (void)state;
  sb_stopping rule = { .until = SB_UNTIL_DECIDED, .tie = 0.02, .cap = 3 };
  const double values[] = { 0.05, -0.04, 0.06 };
  sb_stopping_state now;
  sb_interval plain;
  sb_stopping_judge(&rule, values, 3, &now);
  sb_interval_t(values, 3, 0.95, &plain);
  assert_true(!now.more && now.interval.low == plain.low && now.interval.p == plain.p);
}

/* Prompts whose ratios are 2^effect[i], in a repeat whose method is faster by 2^level as a whole. */
static sb_pairs repeat_of(const double *effects, size_t count, double level, sb_run *runs[2])
{
  for (int side = 0; side < 2; side++) {
    runs[side] = sb_run_new((uint32_t)count);
    for (uint32_t i = 0; i < count; i++)
      answer(runs[side], i, i + 1, 1024.0 * (side ? exp2(-effects[i] - level) : 1.0), 0.0, 1, 1);
  }
  sb_pairs pairs;
  sb_pairs_make(runs[0], runs[1], &pairs);
  return pairs;
}

static void prompts_differ_by_what_repeats_do_not_explain(void **state)
{
  (void)state;
  const double first[] = { 1.0, 0.0, -1.0 }, second[] = { 1.5, 0.0, -1.5 }, other[] = { 1.0, 0.0 };
  sb_run *runs[4][2];
  sb_pairs repeats[4] = { repeat_of(first, 3, 0.0, runs[0]), repeat_of(first, 3, 0.25, runs[1]),
                          repeat_of(second, 3, 0.0, runs[2]), repeat_of(other, 2, 0.0, runs[3]) };
  double unit = log(2.0) * log(2.0);
  sb_prompt_spread spread;
  assert_true(sb_pairs_spread(repeats, 1, &spread));
  assert_int_equal(spread.prompts, 3);
  assert_true(fabs(spread.variance - unit) < 1e-6);
  assert_true(
      sb_pairs_spread(repeats, 2, &spread)); /* a repeat's own level is no difference between prompts */
  assert_true(fabs(spread.variance - unit) < 1e-6);
  /* means 1.25, 0, -1.25 over repeats that differ by 0.25 to either side in two of three prompts: 1.5625 less
   * (4 x 0.0625 / 2) / 2 */
  const sb_pairs noisy[] = { repeats[0], repeats[2] };
  assert_true(sb_pairs_spread(noisy, 2, &spread));
  assert_true(fabs(spread.variance - unit * (1.5625 - 0.0625)) < 1e-6);
  const sb_pairs different[] = { repeats[0], repeats[3] };
  assert_false(sb_pairs_spread(different, 2, &spread));
  for (int r = 0; r < 4; r++) {
    sb_pairs_deinit(&repeats[r]);
    sb_run_free(runs[r][0]);
    sb_run_free(runs[r][1]);
  }
}

static void a_further_error_widens_an_interval_by_its_variance(void **state)
{
  (void)state;
  sb_interval interval, wider;
  sb_interval_of(4, 0.5, 0.2, 3.0, 0.95, &interval);
  sb_interval_widen(&interval, 0.03, 79.0, 0.95, &wider);
  double total = 0.01 + 0.03, dof = total * total / (0.01 * 0.01 / 3.0 + 0.03 * 0.03 / 79.0);
  fixture_near(wider.high - 0.5, sb_student_quantile(0.975, dof) * sqrt(total));
  sb_interval_widen(&interval, 0.0, 79.0, 0.95, &wider);
  fixture_near(wider.low, interval.low);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(prompts_differ_by_what_repeats_do_not_explain),
    cmocka_unit_test(a_further_error_widens_an_interval_by_its_variance),
    cmocka_unit_test(the_looks_together_spend_what_they_may),
    cmocka_unit_test(equal_lengths_are_compared),
    cmocka_unit_test(scaled_clocks_are_taken_back),
    cmocka_unit_test(only_prompts_that_both_completed_are_pairs),
    cmocka_unit_test(one_prompt_without_token_times_leaves_no_paired_figure),
    cmocka_unit_test(within_run_figures_are_the_runs_own),
    cmocka_unit_test(a_side_is_split_into_its_shares),
    cmocka_unit_test(the_factors_multiply_to_the_measured_ratio),
    cmocka_unit_test(runs_that_cannot_tell_have_no_sides),
    cmocka_unit_test(steins_rule_takes_the_number_from_the_pilot),
    cmocka_unit_test(clear_differences_stop_at_the_first_look),
    cmocka_unit_test(doubtful_ones_go_on_to_the_cap),
    cmocka_unit_test(a_cap_of_one_look_is_a_fixed_number_of_repeats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
