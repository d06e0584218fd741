#include "sim_engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

enum { LOG_SIZE = 200000 };

sb_sim_profile profile;
sb_sim_event events[LOG_SIZE];
int event_count;

/* Figures that no two rules can mix up: each term of a step's time shows in the sum. */
int fresh_profile(void **state)
{
  (void)state;
  memset(&profile, 0, sizeof profile);
  profile.plain = (sb_sim_cost){ .alpha = 10.0,
                                 .gamma = 0.25,
                                 .epsilon = 0.5,
                                 .prefill_base = 7.0,
                                 .prefill_token = 0.125,
                                 .prefill_request = 1.5 };
  profile.speculative = (sb_sim_cost){ .alpha = 12.0,
                                       .beta = 2.0,
                                       .gamma = 0.5,
                                       .delta = 0.125,
                                       .epsilon = 0.25,
                                       .prefill_base = 8.0,
                                       .prefill_token = 0.25,
                                       .prefill_request = 1.0 };
  profile.max_num_seqs = 256;
  profile.max_model_len = 100000;
  profile.max_num_batched_tokens = 100000;
  profile.chunked_prefill_tokens = 512;
  profile.kv_capacity_tokens = 1000000;
  profile.task_count = 1;
  profile.tasks[0].draft_rate = 1.0;
  event_count = 0;
  return 0;
}

void set_acceptance(double probability)
{
  for (int i = 0; i < SB_SIM_MAX_K; i++)
    profile.tasks[0].conditional[i] = probability;
}

void record(void *context, const sb_sim_event *event)
{
  (void)context;
  assert_true(event_count < LOG_SIZE);
  events[event_count++] = *event;
}

sb_sim_engine *new_engine(sb_sim_config config)
{
  config.profile = &profile;
  sb_sim_engine *engine = sb_sim_engine_new(&config);
  assert_non_null(engine);
  return engine;
}

void submit(sb_sim_engine *engine, int64_t now, uint64_t id, int prompt, int output)
{
  sb_sim_request request = { .id = id, .prompt_tokens = prompt, .output_tokens = output, .seed = id };
  assert_int_equal(sb_sim_engine_submit(engine, now, &request), SB_OK);
}

int64_t step(sb_sim_engine *engine)
{
  int64_t next = sb_sim_engine_next(engine);
  assert_true(next != INT64_MAX);
  sb_sim_engine_advance(engine, next, record, NULL);
  return next;
}

void run_out(sb_sim_engine *engine)
{
  while (sb_sim_engine_next(engine) != INT64_MAX)
    step(engine);
}

sb_sim_counters counters_of(const sb_sim_engine *engine)
{
  sb_sim_counters counters;
  sb_sim_engine_counters(engine, &counters);
  return counters;
}

int64_t ms(double milliseconds)
{
  return llround(milliseconds * (double)SB_NS_PER_MS);
}
