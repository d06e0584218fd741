/* The scheduler's settings: when a prompt is let in, and how many steps run on one plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sim_engine_fixture.h"

/* When a request's first event came; which one it was of all. */
static int first_of(uint64_t id)
{
  for (int i = 0; i < event_count; i++)
    if (events[i].id == id && events[i].first)
      return i;
  fail_msg("request %d never began", (int)id);
  return -1;
}

static void delay_factor_holds_a_prompt_back_while_others_run(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .scheduler_delay_factor = 0.5 });
  submit(engine, 0, 1, 1000, 60);
  step(engine);
  int64_t at = step(engine); /* the prefill took 7 + 125 + 1.5 ms: half of that is 66.75 ms */
  submit(engine, at, 2, 10, 5);
  run_out(engine);
  /* decode steps of 10.75 ms: the first boundary later than 66.75 ms is the 7th */
  assert_int_equal(first_of(2), 8);
  assert_true(events[7].due_ns - at > ms(66.75) && events[6].due_ns - at < ms(66.75));
  assert_int_equal(events[8].due_ns - events[7].due_ns, ms(7.0 + 0.125 * 10 + 1.5));
  sb_sim_engine_free(engine);
}

static void delay_factor_never_waits_for_an_idle_engine(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .scheduler_delay_factor = 100.0 });
  submit(engine, 0, 1, 1000, 3);
  submit(engine, 0, 2, 1000, 3); /* both at once: nothing ran before */
  step(engine);
  int64_t at = step(engine);
  assert_int_equal(event_count, 2);
  submit(engine, at, 3, 10, 3);
  run_out(engine); /* 3 waits for the end of both, and no longer */
  int began = first_of(3);
  assert_int_equal(began, 6);
  assert_int_equal(events[began].due_ns - events[began - 1].due_ns, ms(7.0 + 1.25 + 1.5));
  sb_sim_engine_free(engine);
}

typedef struct tally {
  int64_t prefills, ttft_ns;
} tally;

/* Requests that keep coming, each of 200 prompt and 30 output tokens. */
static tally run_stream(double factor)
{
  enum { REQUESTS = 120 };
  static int64_t sent[REQUESTS + 1];
  event_count = 0;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .scheduler_delay_factor = factor });
  sb_rng rng;
  sb_rng_init(&rng, 11, 0);
  int64_t now = 0;
  for (uint64_t id = 1; id <= REQUESTS; id++) {
    now += (int64_t)sb_rng_below(&rng, 90) * SB_NS_PER_MS;
    sb_sim_engine_advance(engine, now, record, NULL);
    sent[id] = now;
    submit(engine, now, id, 200, 30);
  }
  run_out(engine);
  tally t = { .prefills = counters_of(engine).prefills };
  for (int i = 0; i < event_count; i++)
    if (events[i].first)
      t.ttft_ns += (events[i].due_ns - sent[events[i].id]) / REQUESTS;
  assert_int_equal(counters_of(engine).generation_tokens, 30 * REQUESTS);
  sb_sim_engine_free(engine);
  return t;
}

static void delay_factor_trades_time_to_first_token_for_fewer_stalls(void **state)
{
  (void)state;
  tally at_once = run_stream(0.0), delayed = run_stream(3.0);
  assert_true(delayed.prefills < at_once.prefills);
  assert_true(delayed.ttft_ns > at_once.ttft_ns);
}

static void multi_step_pays_the_host_once_and_brings_tokens_together(void **state)
{
  (void)state;
  profile.host_step = 4.0;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .multi_step = 4 });
  submit(engine, 0, 1, 1000, 1 + 8);
  submit(engine, 0, 2, 3000, 1 + 8);
  step(engine);
  int64_t at = step(engine);
  double expected = 4.0;
  for (int i = 0; i < 4; i++)
    expected += 10.0 - 4.0 + 0.25 * 2 + 0.5 * (1001.0 + 3001.0 + 2 * i) / 1000;
  assert_int_equal(sb_sim_engine_next(engine) - at, ms(expected));
  run_out(engine);
  assert_int_equal(event_count, 2 + 4);
  for (int i = 2; i < event_count; i++)
    assert_int_equal(events[i].tokens, 4);
  assert_true(events[5].last);
  assert_int_equal(counters_of(engine).steps, 1 + 8);
  sb_sim_engine_free(engine);
}

static void multi_step_lets_requests_in_and_out_between_plans_only(void **state)
{
  (void)state;
  profile.host_step = 4.0;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .multi_step = 4 });
  submit(engine, 0, 1, 10, 1 + 2); /* ends within the first plan, which goes on for nobody */
  submit(engine, 0, 2, 10, 1 + 7);
  step(engine);
  int64_t at = step(engine);
  submit(engine, at + 1, 3, 10, 1);
  step(engine); /* 3 has arrived meanwhile, but nothing is done for it before the plan's end */
  assert_int_equal(event_count, 2 + 2);
  assert_true(events[2].id == 1 && events[2].last && events[2].tokens == 2);
  assert_true(events[3].id == 2 && events[3].tokens == 4);
  assert_int_equal(events[2].due_ns, events[3].due_ns);
  step(engine);
  assert_true(events[4].id == 3 && events[4].first);
  assert_int_equal(events[4].due_ns - events[3].due_ns, ms(7.0 + 1.25 + 1.5));
  run_out(engine);
  assert_true(events[5].id == 2 && events[5].tokens == 3 && events[5].last);
  assert_int_equal(counters_of(engine).generation_tokens, 3 + 8 + 1);
  sb_sim_engine_free(engine);
}

static void settings_that_exclude_each_other_are_refused(void **state)
{
  (void)state;
  sb_sim_config config = { .profile = &profile, .k = 2, .multi_step = 8 };
  assert_null(sb_sim_engine_new(&config));
  config = (sb_sim_config){ .profile = &profile, .chunked_prefill = true, .multi_step = 8 };
  assert_null(sb_sim_engine_new(&config));
  config.multi_step = 1;
  sb_sim_engine *engine = sb_sim_engine_new(&config);
  assert_non_null(engine);
  sb_sim_engine_free(engine);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(delay_factor_holds_a_prompt_back_while_others_run, fresh_profile),
    cmocka_unit_test_setup(delay_factor_never_waits_for_an_idle_engine, fresh_profile),
    cmocka_unit_test_setup(delay_factor_trades_time_to_first_token_for_fewer_stalls, fresh_profile),
    cmocka_unit_test_setup(multi_step_pays_the_host_once_and_brings_tokens_together, fresh_profile),
    cmocka_unit_test_setup(multi_step_lets_requests_in_and_out_between_plans_only, fresh_profile),
    cmocka_unit_test_setup(settings_that_exclude_each_other_are_refused, fresh_profile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
