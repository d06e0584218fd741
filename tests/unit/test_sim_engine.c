/* How the engine schedules: queues, limits, prefills, time, cancellation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sim_engine_fixture.h"

static void prefill_takes_base_tokens_and_requests(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ 0 });
  submit(engine, 0, 1, 100, 5);
  submit(engine, 0, 2, 60, 5);
  step(engine);
  assert_int_equal(sb_sim_engine_next(engine), ms(7.0 + 0.125 * 160 + 1.5 * 2));
  step(engine);
  assert_int_equal(event_count, 2);
  assert_true(events[0].first && events[0].tokens == 1 && !events[0].last);
  sb_sim_engine_free(engine);
}

static void decode_step_follows_the_plain_formula(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ 0 });
  submit(engine, 0, 1, 1000, 5);
  submit(engine, 0, 2, 3000, 5);
  step(engine);
  int64_t prefilled = step(engine);
  double context = (1001.0 + 3001.0) / 2 / 1000;
  assert_int_equal(sb_sim_engine_next(engine) - prefilled, ms(10.0 + 0.25 * 2 + 0.5 * context * 2));
  sb_sim_engine_free(engine);
}

static void no_figure_of_a_profile_makes_time_run_over(void **state)
{
  (void)state;
  profile.plain.alpha = profile.plain.gamma = profile.plain.prefill_token = 1e12;
  sb_sim_engine *engine = new_engine((sb_sim_config){ 0 });
  submit(engine, 0, 1, 1000, 30);
  run_out(engine);
  assert_int_equal(event_count, 30);
  assert_true(events[29].due_ns == 30 * 86400 * SB_NS_PER_S);
  sb_sim_engine_free(engine);
}

static void request_overhead_delays_the_scheduler_not_the_others(void **state)
{
  (void)state;
  profile.plain.request_overhead = 13.0;
  sb_sim_engine *engine = new_engine((sb_sim_config){ 0 });
  submit(engine, 1000, 1, 100, 1);
  assert_int_equal(sb_sim_engine_next(engine), 1000 + ms(13.0));
  run_out(engine);
  assert_int_equal(events[0].due_ns, 1000 + ms(13.0 + 7.0 + 12.5 + 1.5));
  assert_true(events[0].first && events[0].last);

  int64_t at = events[0].due_ns;
  submit(engine, at, 2, 100, 20);
  step(engine);
  at = step(engine);
  submit(engine, at, 3, 100, 1); /* arrives within the second decode step of 10.3 ms: prefilled after it */
  step(engine);
  step(engine);
  assert_int_equal(events[event_count - 1].id, 2);
  assert_int_equal(counters_of(engine).waiting, 0);
  assert_int_equal(events[event_count - 1].tokens + events[event_count - 2].tokens, 2);
  step(engine);
  assert_int_equal(events[event_count - 1].id, 3);
  assert_int_equal(event_count, 5);
  sb_sim_engine_free(engine);
}

static void max_num_seqs_makes_requests_wait_in_order(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .max_num_seqs = 2 });
  for (uint64_t id = 1; id <= 4; id++)
    submit(engine, 0, id, 10, id == 1 ? 2 : 20);
  step(engine);
  assert_int_equal(counters_of(engine).running, 2);
  assert_int_equal(counters_of(engine).waiting, 2);
  run_out(engine);
  uint64_t started = 0;
  for (int i = 0; i < event_count; i++)
    if (events[i].first)
      assert_int_equal(events[i].id, ++started);
  assert_int_equal(started, 4);
  assert_int_equal(counters_of(engine).running + counters_of(engine).waiting, 0);
  sb_sim_engine_free(engine);
}

static void full_kv_cache_queues_until_a_sequence_ends(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .kv_capacity_tokens = 200 });
  submit(engine, 0, 1, 100, 20);
  submit(engine, 0, 2, 70, 20);
  submit(engine, 0, 3, 10, 10); /* would fit beside 1, but the queue is first come, first served */
  step(engine);
  assert_int_equal(counters_of(engine).running, 1);
  assert_true(counters_of(engine).kv_usage == 0.6);
  run_out(engine);
  int64_t ended = 0, started = 0;
  for (int i = 0; i < event_count; i++) {
    if (events[i].id == 1 && events[i].last)
      ended = events[i].due_ns;
    if (events[i].id == 2 && events[i].first)
      started = events[i].due_ns;
  }
  assert_true(ended > 0 && started > ended);
  assert_true(counters_of(engine).kv_usage == 0.0);
  assert_int_equal(counters_of(engine).preemptions, 0);
  sb_sim_engine_free(engine);
}

static void what_can_never_fit_is_refused(void **state)
{
  (void)state;
  sb_sim_config config = { .profile = &profile, .kv_capacity_tokens = 500, .max_num_batched_tokens = 300 };
  sb_sim_engine *engine = sb_sim_engine_new(&config);
  const sb_sim_request bad[] = {
    { .id = 1, .prompt_tokens = 0, .output_tokens = 1 },
    { .id = 1, .prompt_tokens = 1, .output_tokens = 0 },
    { .id = 1, .prompt_tokens = 250, .output_tokens = 251 },
    { .id = 1, .prompt_tokens = 301, .output_tokens = 1 },
    { .id = 1, .prompt_tokens = 1, .output_tokens = 1, .task = 1 },
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(sb_sim_engine_submit(engine, 0, &bad[i]), SB_EINVAL);
  assert_int_equal(sb_sim_engine_next(engine), INT64_MAX);
  sb_sim_engine_free(engine);
  config.k = SB_SIM_MAX_K + 1;
  assert_null(sb_sim_engine_new(&config));
}

static void prefill_stalls_decoding(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ 0 });
  submit(engine, 0, 1, 10, 50);
  step(engine);
  int64_t at = step(engine);
  submit(engine, at, 2, 2000, 5);
  at = step(engine); /* the decode step that was under way */
  assert_int_equal(events[event_count - 1].id, 1);
  assert_int_equal(sb_sim_engine_next(engine) - at, ms(7.0 + 0.125 * 2000 + 1.5));
  int before = event_count;
  step(engine);
  assert_int_equal(event_count - before, 1);
  assert_true(events[before].id == 2 && events[before].first);
  sb_sim_engine_free(engine);
}

static void chunked_prefill_goes_on_beside_decoding(void **state)
{
  (void)state;
  sb_sim_config config = { .chunked_prefill = true, .max_num_batched_tokens = 101 };
  sb_sim_engine *engine = new_engine(config);
  submit(engine, 0, 1, 10, 50);
  step(engine);
  int64_t at = step(engine);
  assert_int_equal(at, ms(7.0 + 0.125 * 10 + 1.5));
  submit(engine, at, 2, 250, 5);
  step(engine);
  for (int i = 0; i < 3; i++) { /* chunks of 100, 100 and 50 beside one decoding sequence */
    int64_t start = event_count ? events[event_count - 1].due_ns : 0;
    double tokens = i < 2 ? 100.0 : 50.0, context = (10.0 + 2.0 + i) / 1000;
    double expected = 10.0 + 0.25 + 0.5 * context + 0.125 * tokens + (i == 0 ? 1.5 : 0.0);
    assert_int_equal(sb_sim_engine_next(engine) - start, ms(expected));
    int before = event_count;
    step(engine);
    assert_int_equal(events[before].id, 1);
    assert_int_equal(event_count - before, i == 2 ? 2 : 1);
  }
  assert_true(events[event_count - 1].id == 2 && events[event_count - 1].first);
  assert_int_equal(counters_of(engine).prompt_tokens, 260);
  sb_sim_engine_free(engine);
}

static void batched_token_budget_splits_a_burst_of_prefills(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .max_num_batched_tokens = 250 });
  for (uint64_t id = 1; id <= 5; id++)
    submit(engine, 0, id, 100, 1);
  run_out(engine);
  assert_int_equal(counters_of(engine).prefills, 3);
  assert_int_equal(events[1].due_ns, ms(7.0 + 0.125 * 200 + 1.5 * 2));
  assert_int_equal(events[2].due_ns, 2 * events[1].due_ns);
  sb_sim_engine_free(engine);
}

static void a_cancelled_request_brings_nothing_more(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .max_num_seqs = 2 });
  for (uint64_t id = 1; id <= 4; id++)
    submit(engine, 0, id, 10, 30);
  step(engine);
  int64_t at = step(engine);
  sb_sim_engine_cancel(engine, at, 1);
  sb_sim_engine_cancel(engine, at, 3);
  sb_sim_engine_cancel(engine, at, 77);
  assert_int_equal(counters_of(engine).running, 1);
  assert_int_equal(counters_of(engine).waiting, 1);
  int before = event_count;
  run_out(engine);
  int last = 0;
  for (int i = before; i < event_count; i++) {
    assert_true(events[i].id == 2 || events[i].id == 4);
    last += events[i].last;
  }
  assert_int_equal(last, 2);
  assert_true(counters_of(engine).kv_usage == 0.0);
  sb_sim_engine_free(engine);
}

/* At the first request's end: cancels a sequence of the same step and submits, once under the old id. */
static void cancel_and_replace(void *context, const sb_sim_event *event)
{
  sb_sim_engine *engine = context;
  record(NULL, event);
  if (event->id == 1 && event->last && event_count == 1) {
    sb_sim_engine_cancel(engine, event->due_ns, 3);
    submit(engine, event->due_ns, 1, 10, 2);
    submit(engine, event->due_ns, 9, 10, 2);
  }
}

static void on_event_may_submit_and_cancel(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ 0 });
  for (uint64_t id = 1; id <= 3; id++)
    submit(engine, 0, id, 10, id == 1 ? 1 : 5);
  sb_sim_engine_advance(engine, ms(1000), cancel_and_replace, engine);
  int tokens[10] = { 0 };
  for (int i = 0; i < event_count; i++)
    tokens[events[i].id] += events[i].tokens;
  assert_int_equal(tokens[1], 1 + 2);
  assert_int_equal(tokens[2], 5);
  assert_int_equal(tokens[3], 0);
  assert_int_equal(tokens[9], 2);
  assert_int_equal(sb_sim_engine_next(engine), INT64_MAX);
  sb_sim_engine_free(engine);
}

static void noise_keeps_the_mean_and_shows_its_deviation(void **state)
{
  (void)state;
  profile.plain = (sb_sim_cost){ .alpha = 10.0 };
  profile.plain.prefill_base = 10.0;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .step_noise_sd = 0.1, .seed = 3 });
  submit(engine, 0, 1, 1, 20000);
  run_out(engine);
  double sum = 0.0, squares = 0.0;
  for (int i = 1; i < event_count; i++) {
    double gap = (double)(events[i].due_ns - events[i - 1].due_ns) / (double)SB_NS_PER_MS;
    sum += gap;
    squares += gap * gap;
  }
  double n = event_count - 1, mean = sum / n, sd = sqrt(squares / n - mean * mean);
  assert_true(fabs(mean - 10.0) < 0.03);
  assert_true(fabs(sd - 1.0) < 0.03);
  sb_sim_engine_free(engine);
}

/* Random submissions and cancellations, driven late as a server may: nothing goes back, nothing is lost. */
static void virtual_time_never_goes_back(void **state)
{
  (void)state;
  set_acceptance(0.5);
  profile.plain.request_overhead = profile.speculative.request_overhead = 3.0;
  sb_sim_config config = {
    .k = 2, .step_noise_sd = 0.3, .max_num_seqs = 8, .kv_capacity_tokens = 3000, .disable_by_batch_size = 6
  };
  for (int chunked = 0; chunked < 2; chunked++) {
    config.chunked_prefill = chunked;
    event_count = 0;
    sb_sim_engine *engine = new_engine(config);
    sb_rng rng;
    sb_rng_init(&rng, 9, 0);
    int64_t now = 0, cancelled = 0;
    for (uint64_t id = 1; id <= 400; id++) {
      now += (int64_t)sb_rng_below(&rng, 60) * SB_NS_PER_MS;
      sb_sim_engine_advance(engine, now, record, NULL);
      submit(engine, now, id, 1 + (int)sb_rng_below(&rng, 900), 1 + (int)sb_rng_below(&rng, 60));
      if (sb_rng_below(&rng, 5) == 0) {
        int before = counters_of(engine).running + counters_of(engine).waiting;
        sb_sim_engine_cancel(engine, now, 1 + sb_rng_below(&rng, id));
        cancelled += before - counters_of(engine).running - counters_of(engine).waiting;
      }
      assert_true(sb_sim_engine_next(engine) >= now || counters_of(engine).running == 0);
    }
    run_out(engine);
    int64_t ended = 0;
    for (int i = 0; i < event_count; i++) {
      assert_true(i == 0 || events[i].due_ns >= events[i - 1].due_ns);
      ended += events[i].last;
    }
    assert_true(cancelled > 0);
    assert_int_equal(ended + cancelled, 400);
    assert_true(counters_of(engine).kv_usage == 0.0);
    sb_sim_engine_free(engine);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(prefill_takes_base_tokens_and_requests, fresh_profile),
    cmocka_unit_test_setup(decode_step_follows_the_plain_formula, fresh_profile),
    cmocka_unit_test_setup(no_figure_of_a_profile_makes_time_run_over, fresh_profile),
    cmocka_unit_test_setup(request_overhead_delays_the_scheduler_not_the_others, fresh_profile),
    cmocka_unit_test_setup(max_num_seqs_makes_requests_wait_in_order, fresh_profile),
    cmocka_unit_test_setup(full_kv_cache_queues_until_a_sequence_ends, fresh_profile),
    cmocka_unit_test_setup(what_can_never_fit_is_refused, fresh_profile),
    cmocka_unit_test_setup(prefill_stalls_decoding, fresh_profile),
    cmocka_unit_test_setup(chunked_prefill_goes_on_beside_decoding, fresh_profile),
    cmocka_unit_test_setup(batched_token_budget_splits_a_burst_of_prefills, fresh_profile),
    cmocka_unit_test_setup(a_cancelled_request_brings_nothing_more, fresh_profile),
    cmocka_unit_test_setup(on_event_may_submit_and_cancel, fresh_profile),
    cmocka_unit_test_setup(noise_keeps_the_mean_and_shows_its_deviation, fresh_profile),
    cmocka_unit_test_setup(virtual_time_never_goes_back, fresh_profile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
