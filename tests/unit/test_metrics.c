#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/metrics.h"
#include "measure_fixture.h"

/* Every expectation is worked out by hand from the requests of measure_fixture.c. */

static void a_cell_sums_its_completed_requests(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.requests, 4);
  fixture_near(m.completed, 3);
  fixture_near(m.failed, 1);
  fixture_near(m.duration, 0.181);
  fixture_near(m.run_duration, 0.2);
  fixture_near(m.total_input_tokens, 60);
  fixture_near(m.total_output_tokens, 13);
  fixture_near(m.request_throughput, 3 / 0.181);
  fixture_near(m.output_throughput, 13 / 0.181);
  fixture_near(m.total_token_throughput, 73 / 0.181);
  fixture_near(m.tokens_per_chunk, 13.0 / 6.0);
  fixture_near(m.decode_tpot_ms, 13); /* (50 + 80) / (5 + 5) */
  fixture_near(m.draft_tokens, 14);
  fixture_near(m.accepted_tokens, 7);
  fixture_near(m.acceptance_rate, 0.5);
  fixture_near(m.tokens_per_step, 2.4); /* 12 tokens, 7 of them accepted: 5 steps */
  assert_true(isnan(m.request_goodput));
  sb_run_free(run);
}

static void prompts_count_as_their_data_tell_them(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  for (uint32_t i = 0; i < run->count; i++) {
    run->records[i].data_prompt_tokens = 7;
    run->records[i].prompt_tokens = i == 0 ? -1 : run->records[i].prompt_tokens;
  }
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.input_tokens_unknown, 0);
  fixture_near(m.total_input_tokens, 21); /* of the three that were completed */
  fixture_near(m.total_token_throughput, (21 + 13) / 0.181);
  fixture_near(m.steady_total_token_throughput, (21 + 13) / 0.170);
  sb_run_free(run);
}

static void the_steady_window_is_where_the_target_was_in_flight(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.steady_duration, 0.170); /* 20 .. 190 */
  fixture_near(m.steady_share, 0.85);
  fixture_near(m.drain, 0);
  fixture_near(m.steady_request_throughput, 3 / 0.170);
  fixture_near(m.steady_output_throughput, 13 / 0.170);
  fixture_near(m.steady_total_token_throughput, 73 / 0.170);
  fixture_near(m.mean_concurrency, 1.85); /* (165 + 41 + 129 + 35) / 200 */
  fixture_near(m.max_concurrency, 2);

  run->t_end = fixture_at(400);
  run->records[3].t_done = fixture_at(400);
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.steady_share, 0.425);
  fixture_near(m.drain, 1);
  sb_run_free(run);
}

static void only_what_arrives_in_the_steady_window_counts_in_it(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  run->concurrency = 2;
  run->t_start = fixture_at(0);
  run->t_end = fixture_at(100);
  sb_record *a = fixture_request(run, 0, 0, 60), *b = fixture_request(run, 1, 20, 100);
  a->prompt_tokens = 5;
  b->prompt_tokens = 7;
  fixture_chunk(a, 10, 1, true);
  fixture_chunk(a, 60, 2, true); /* the window's last moment still counts */
  fixture_chunk(b, 50, 4, true);
  fixture_chunk(b, 99, 8, true);
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.steady_duration, 0.040);
  fixture_near(m.steady_output_throughput, 6 / 0.040);
  fixture_near(m.steady_total_token_throughput, 13 / 0.040); /* a's prompt was done with before */
  fixture_near(m.steady_request_throughput, 1 / 0.040);
  fixture_near(m.steady_longest_gap,
               0.030); /* from the window's start, 20, to 50: what came before is no part */
  sb_run_free(run);
}

static void a_target_never_reached_is_a_drain_and_no_target_is_absent(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_metrics m;
  run->concurrency = 3;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.steady_share, 0);
  fixture_near(m.drain, 1);
  assert_true(isnan(m.steady_output_throughput) && isnan(m.steady_longest_gap));
  run->concurrency = 0;
  sb_metrics_compute(run, NULL, &m);
  assert_true(isnan(m.steady_share) && isnan(m.drain) && isnan(m.steady_request_throughput));
  assert_true(isnan(m.steady_longest_gap));
  fixture_near(m.mean_concurrency, 1.85);
  sb_run_free(run);
}

static void the_longest_gap_reaches_over_all_streams_to_the_windows_end(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  run->concurrency = 2;
  run->clock_scale = 2.0;
  run->t_start = fixture_at(0);
  run->t_end = fixture_at(200);
  sb_record *a = fixture_request(run, 0, 0, 200), *b = fixture_request(run, 1, 0, 200);
  a->prompt_tokens = b->prompt_tokens = 1;
  fixture_chunk(a, 10, 1, true);
  fixture_chunk(a, 90, 1, true); /* a waits 80, but b's chunk lies within */
  fixture_chunk(b, 50, 1, true);
  fixture_chunk(b, 120, 0, true); /* brings no token */
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.steady_longest_gap, 0.220); /* 90 .. 200, and the clock is twice as fast */
  a->token_source = SB_TOKENS_USAGE_TOTAL;
  sb_metrics_compute(run, NULL, &m);
  assert_true(isnan(m.steady_longest_gap));
  sb_run_free(run);
}

static void goodput_counts_requests_that_meet_every_objective(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  const struct {
    sb_slo slo;
    double met;
  } cases[] = {
    { { 50, -1, -1 }, 2 },  /* b, c */
    { { 100, -1, -1 }, 3 }, /* the limit itself is good */
    { { -1, 12, -1 }, 2 },  /* a, and b, which has no second token */
    { { -1, -1, 130 }, 2 }, /* b, c */
    { { 50, 12, -1 }, 1 },  /* b */
    { { 50, 12, 39 }, 0 },
  };
  sb_metrics m;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sb_metrics_compute(run, &cases[i].slo, &m);
    fixture_near(m.request_goodput, cases[i].met / 0.181);
  }
  const sb_slo unset = { -1, -1, -1 };
  sb_metrics_compute(run, &unset, &m);
  assert_true(isnan(m.request_goodput));
  sb_run_free(run);
}

static void an_answer_without_a_token_meets_no_objective(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  fixture_chunk(fixture_request(run, 0, 0, 50), 40, 0, false);
  fixture_chunk(fixture_request(run, 1, 0, 50), 40, 1, true);
  const sb_slo slo = { -1, 12, -1 };
  sb_metrics m;
  sb_metrics_compute(run, &slo, &m);
  fixture_near(m.request_goodput, 1 / 0.040);
  sb_run_free(run);
}

static void a_failed_request_still_takes_its_time(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  fixture_chunk(&run->records[3], 199, 1, true);
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.duration, 0.199);
  fixture_near(m.output_throughput, 13 / 0.199);
  fixture_near(m.peak_output_throughput, 13);
  sb_run_free(run);
}

static void a_total_gives_tpot_but_no_token_by_token_figure(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  for (uint32_t i = 0; i < 4; i++) {
    sb_record *r = &run->records[i];
    r->token_source = SB_TOKENS_USAGE_TOTAL;
    r->completion_tokens = (int64_t)r->timeline.tokens;
  }
  const sb_slo slo = { -1, 12, -1 };
  sb_metrics m;
  sb_metrics_compute(run, &slo, &m);
  fixture_near(m.total_output_tokens, 13);
  fixture_near(m.tpot_ms.count, 2); /* text from 100 to 160: 12; 16 */
  fixture_near(m.tpot_ms.mean, 14);
  fixture_near(m.request_goodput, 2 / 0.181);
  fixture_near(m.itl_chunk_ms.count, 3); /* by text: 30, 30, 80 */
  fixture_near(m.itl_token_ms.count, 0);
  fixture_near(m.itl_burst_ms.count, 0);
  assert_true(isnan(m.peak_output_throughput) && isnan(m.tokens_per_chunk));
  assert_true(isnan(m.steady_output_throughput) && isnan(m.steady_total_token_throughput));
  fixture_near(m.steady_request_throughput, 3 / 0.170);
  sb_run_free(run);
}

static void unknown_counts_are_absent_and_said_so(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  run->records[2].token_source = SB_TOKENS_UNKNOWN;
  run->records[1].prompt_tokens = -1;
  const sb_slo by_tpot = { -1, 12, -1 }, by_ttft = { 50, -1, -1 };
  sb_metrics m;
  sb_metrics_compute(run, &by_tpot, &m);
  fixture_near(m.output_tokens_unknown, 1);
  fixture_near(m.input_tokens_unknown, 1);
  assert_true(isnan(m.total_output_tokens) && isnan(m.output_throughput) && isnan(m.total_input_tokens));
  assert_true(isnan(m.total_token_throughput) && isnan(m.request_goodput) && isnan(m.tokens_per_step));
  fixture_near(m.acceptance_rate, 0.5);
  fixture_near(m.request_throughput, 3 / 0.181);
  assert_true(isnan(m.tpot_ms.mean) && isnan(m.ref_tpot_ms.mean) && isnan(m.decode_tpot_ms));
  fixture_near(m.tpot_ms.count, 0);
  fixture_near(m.ttft_ms.count, 3);
  sb_metrics_compute(run, &by_ttft, &m);
  fixture_near(m.request_goodput, 2 / 0.181);
  sb_run_free(run);
}

static void chunks_that_disagree_with_the_usage_are_counted(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  run->records[0].completion_tokens = 6;
  run->records[2].completion_tokens = 5;
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.token_mismatches, 1);
  sb_run_free(run);
}

static void the_peak_is_the_best_second(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  sb_record *a = fixture_request(run, 0, 0, 5000), *b = fixture_request(run, 1, 0, 5000);
  fixture_chunk(a, 100, 5, true);
  fixture_chunk(b, 1099, 4, true); /* 999 ms after: same second */
  fixture_chunk(a, 1100, 4, true); /* 1000 ms after: the next */
  fixture_chunk(b, 3000, 6, true);
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.peak_output_throughput, 9);
  run->clock_scale = 0.5; /* a simulated second lasts two */
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.peak_output_throughput, 14); /* 1099 .. 3000 */
  sb_run_free(run);
}

static void a_scaled_clock_scales_every_duration(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  run->clock_scale = 10;
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.duration, 1.81);
  fixture_near(m.output_throughput, 13 / 1.81);
  fixture_near(m.steady_duration, 1.7);
  fixture_near(m.steady_share, 0.85);
  fixture_near(m.steady_output_throughput, 13 / 1.7);
  fixture_near(m.ttft_ms.mean, 600);
  fixture_near(m.itl_token_ms.median, 100);
  fixture_near(m.ref_itl_ms.median, 300);
  fixture_near(m.decode_tpot_ms, 130);
  fixture_near(m.mean_concurrency, 1.85);
  sb_run_free(run);
}

static void an_empty_or_failed_run_has_no_rates(void **state)
{
  (void)state;
  sb_run *empty = sb_run_new(0), *failed = sb_run_new(1);
  sb_metrics m;
  sb_metrics_compute(empty, NULL, &m);
  fixture_near(m.requests, 0);
  assert_true(isnan(m.duration) && isnan(m.request_throughput) && isnan(m.mean_concurrency));
  failed->records[0].outcome = SB_OUTCOME_CONNECT;
  failed->records[0].t_send = failed->records[0].t_done = fixture_at(0);
  sb_metrics_compute(failed, NULL, &m);
  fixture_near(m.failed, 1);
  fixture_near(m.completed, 0);
  fixture_near(m.ttft_ms.count, 0);
  assert_true(isnan(m.ttft_ms.mean) && isnan(m.output_throughput));
  sb_run_free(empty);
  sb_run_free(failed);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_cell_sums_its_completed_requests),
    cmocka_unit_test(prompts_count_as_their_data_tell_them),
    cmocka_unit_test(the_steady_window_is_where_the_target_was_in_flight),
    cmocka_unit_test(only_what_arrives_in_the_steady_window_counts_in_it),
    cmocka_unit_test(a_target_never_reached_is_a_drain_and_no_target_is_absent),
    cmocka_unit_test(the_longest_gap_reaches_over_all_streams_to_the_windows_end),
    cmocka_unit_test(goodput_counts_requests_that_meet_every_objective),
    cmocka_unit_test(an_answer_without_a_token_meets_no_objective),
    cmocka_unit_test(a_failed_request_still_takes_its_time),
    cmocka_unit_test(a_total_gives_tpot_but_no_token_by_token_figure),
    cmocka_unit_test(unknown_counts_are_absent_and_said_so),
    cmocka_unit_test(chunks_that_disagree_with_the_usage_are_counted),
    cmocka_unit_test(the_peak_is_the_best_second),
    cmocka_unit_test(a_scaled_clock_scales_every_duration),
    cmocka_unit_test(an_empty_or_failed_run_has_no_rates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
