/* How the engine speculates: its cost, what is accepted, what is counted, when it does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sim_engine_fixture.h"

static void decode_step_follows_the_speculative_formula(void **state)
{
  (void)state;
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 3 });
  submit(engine, 0, 1, 1000, 50);
  submit(engine, 0, 2, 3000, 50);
  step(engine);
  int64_t prefilled = step(engine);
  assert_int_equal(prefilled, ms(8.0 + 0.25 * 4000 + 1.0 * 2));
  double n = 2, k = 3, c = (1001.0 + 3001.0) / 2 / 1000;
  double expected = 12.0 + 2.0 * k + (0.5 + 0.125 * k) * n + 0.25 * (k + 1) * c * n;
  assert_int_equal(sb_sim_engine_next(engine) - prefilled, ms(expected));
  sb_sim_engine_free(engine);
}

/* How long the first decode step of n sequences takes, some of them too long for a draft. */
static int64_t first_decode_step(int k, int n, int too_long)
{
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = k, .spec_max_model_len = 1500 });
  for (int i = 0; i < n; i++)
    submit(engine, 0, (uint64_t)i + 1, i < too_long ? 2000 : 1000, 50);
  step(engine);
  int64_t prefilled = step(engine), took = sb_sim_engine_next(engine) - prefilled;
  sb_sim_engine_free(engine);
  return took;
}

/* Kernels change with the batch: tokens of a step beyond bend_at cost so much more, drafted ones like the others; a
 * sequence that has no draft counts once. */
static void steps_beyond_the_bend_take_longer(void **state)
{
  (void)state;
  static const struct {
    int k, n, too_long, beyond; /* tokens beyond the bend at 12 */
  } cases[] = { { 0, 12, 0, 0 }, { 0, 20, 0, 8 }, { 3, 3, 0, 0 },
                { 3, 4, 0, 4 },  { 3, 6, 2, 6 },  { 3, 12, 12, 0 } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    profile.plain.bend = profile.speculative.bend = 0.0;
    int64_t straight = first_decode_step(cases[i].k, cases[i].n, cases[i].too_long);
    profile.plain.bend = profile.speculative.bend = 0.5;
    profile.plain.bend_at = profile.speculative.bend_at = 12.0;
    int64_t bent = first_decode_step(cases[i].k, cases[i].n, cases[i].too_long);
    assert_int_equal(bent - straight, ms(0.5 * cases[i].beyond));
  }
}

/* Runs 200 requests of 400 tokens on one engine. */
static sb_sim_counters run_many(sb_sim_config config)
{
  sb_sim_engine *engine = new_engine(config);
  for (uint64_t id = 1; id <= 200; id++)
    submit(engine, 0, id, 50, 400);
  run_out(engine);
  sb_sim_counters counters = counters_of(engine);
  sb_sim_engine_free(engine);
  return counters;
}

static void acceptance_per_position_converges_to_the_profile(void **state)
{
  (void)state;
  const double conditional[4] = { 0.8, 0.6, 0.5, 0.9 };
  memcpy(profile.tasks[0].conditional, conditional, sizeof conditional);
  sb_sim_counters c = run_many((sb_sim_config){ .k = 4 });
  double expected = 1.0, mean = 0.0;
  int64_t accepted = 0;
  for (int i = 0; i < 4; i++) {
    expected *= conditional[i];
    mean += expected;
    accepted += c.accepted_per_position[i];
    double rate = (double)c.accepted_per_position[i] / (double)c.drafts;
    double deviation = sqrt(expected * (1 - expected) / (double)c.drafts);
    assert_true(fabs(rate - expected) < 4 * deviation);
  }
  assert_int_equal(accepted, c.accepted_tokens);
  assert_int_equal(c.draft_tokens, 4 * c.drafts);
  assert_true(fabs((double)c.accepted_tokens / (double)c.drafts - mean) < 0.03);
}

static void draft_rate_leaves_steps_without_a_draft_uncounted(void **state)
{
  (void)state;
  set_acceptance(0.5);
  profile.tasks[0].draft_rate = 0.3;
  sb_sim_counters c = run_many((sb_sim_config){ .k = 2 });
  double decoded = 200.0 * 399, per_step = 1 + 0.3 * 0.75;
  assert_true(fabs((double)c.drafts / (decoded / per_step) - 0.3) < 0.01);
  assert_true(fabs((double)c.accepted_tokens / (double)c.drafts - 0.75) < 0.03);
}

/* With whole drafts accepted and outputs of 1 + m (k + 1) tokens, every count is known. */
static void counters_agree_with_the_tokens_brought(void **state)
{
  (void)state;
  set_acceptance(1.0);
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 3 });
  for (uint64_t id = 1; id <= 5; id++)
    submit(engine, 0, id, 30, 1 + 4 * 6);
  run_out(engine);
  sb_sim_counters c = counters_of(engine);
  int64_t brought = 0;
  for (int i = 0; i < event_count; i++)
    brought += events[i].tokens;
  assert_int_equal(brought, 5 * 25);
  assert_int_equal(c.generation_tokens, brought);
  assert_int_equal(c.prompt_tokens, 150);
  assert_int_equal(c.drafts, 5 * 6);
  assert_int_equal(c.accepted_tokens, 3 * c.drafts);
  assert_int_equal(c.accepted_per_position[2], c.drafts);
  assert_int_equal(c.steps, 7);
  assert_int_equal(c.prefills, 1);
  sb_sim_engine_free(engine);
}

static void tokens_are_cut_at_the_output_length(void **state)
{
  (void)state;
  set_acceptance(1.0);
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 4 });
  submit(engine, 0, 1, 10, 8);
  run_out(engine);
  assert_int_equal(event_count, 3);
  assert_int_equal(events[1].tokens, 5);
  assert_int_equal(events[2].tokens, 2);
  assert_true(events[2].last && !events[1].last);
  assert_int_equal(counters_of(engine).generation_tokens, 8);
  sb_sim_engine_free(engine);
}

static void disable_by_batch_size_bars_for_good_whom_it_meets(void **state)
{
  (void)state;
  set_acceptance(1.0);
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 2, .disable_by_batch_size = 3 });
  for (uint64_t id = 1; id <= 3; id++)
    submit(engine, 0, id, 10, id == 3 ? 4 : 40);
  step(engine);
  int64_t at = step(engine);
  assert_int_equal(sb_sim_engine_next(engine) - at, ms(10.0 + 0.25 * 3 + 0.5 * 3 * 0.011));
  for (int i = 0; i < 3; i++)
    at = step(engine);           /* a token each, until the third one has its four */
  submit(engine, at, 4, 10, 40); /* three again, as it is prefilled: barred too */
  run_out(engine);
  submit(engine, at + ms(10000), 5, 10, 1 + 3 * 5); /* and one that meets nobody */
  run_out(engine);
  for (int i = 0; i < event_count; i++)
    assert_int_equal(events[i].tokens, events[i].id == 5 && !events[i].first ? 3 : 1);
  assert_int_equal(counters_of(engine).drafts, 5);
  sb_sim_engine_free(engine);
}

/* A batch that only grows too large later leaves the tokens already won. */
static void disable_by_batch_size_spares_who_ended_before(void **state)
{
  (void)state;
  set_acceptance(1.0);
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 2, .disable_by_batch_size = 2 });
  submit(engine, 0, 1, 10, 1 + 3 * 4);
  step(engine);
  step(engine);
  int64_t at = step(engine);
  assert_int_equal(events[1].tokens, 3);
  submit(engine, at, 2, 10, 3);
  run_out(engine);
  for (int i = 3; i < event_count; i++) /* one more step of three was under way */
    assert_int_equal(events[i].tokens, 1);
  assert_int_equal(counters_of(engine).drafts, 2);
  sb_sim_engine_free(engine);
}

static sb_sim_k_table table_of(const char *text)
{
  sb_sim_k_table table;
  assert_int_equal(sb_sim_k_table_parse(&table, text, NULL), SB_OK);
  return table;
}

static void k_by_batch_size_follows_the_running_requests(void **state)
{
  (void)state;
  set_acceptance(1.0);
  sb_sim_config config = { .k = 3, .k_by_batch_size = table_of("[[1,1,3],[2,2,1],[3,64,0]]") };
  sb_sim_engine *engine = new_engine(config);
  submit(engine, 0, 1, 10, 1 + 1 + 2 + 4 * 2);
  submit(engine, 0, 2, 10, 1 + 1 + 2);
  submit(engine, 0, 3, 10, 1 + 1);
  step(engine);
  int64_t at = step(engine);
  /* k = 0: the plain step and one pass of the draft model */
  assert_int_equal(sb_sim_engine_next(engine) - at, ms(10.0 + 0.25 * 3 + 0.5 * 3 * 0.011 + 2.0));
  at = step(engine);
  assert_int_equal(sb_sim_engine_next(engine) - at,
                   ms(12.0 + 2.0 * 1 + 0.5 * 2 + 0.125 * 1 * 2 + 0.25 * 2 * 2 * 0.012));
  run_out(engine);
  const int32_t expected[] = { 1, 1, 2, 4, 4 };
  int count = 0;
  for (int i = 0; i < event_count; i++)
    if (events[i].id == 1) {
      assert_int_equal(events[i].tokens, expected[count++]);
      assert_int_equal(events[i].draft_tokens, events[i].tokens - 1);
      assert_int_equal(events[i].accepted_tokens, events[i].tokens - 1);
    }
  assert_int_equal(count, 5);
  assert_int_equal(counters_of(engine).draft_tokens, 2 * 1 + 2 * 3);
  sb_sim_engine_free(engine);
}

static void k_tables_have_no_gaps_and_no_end(void **state)
{
  (void)state;
  sb_sim_k_table table = table_of(" [[1, 16, 3], [32,128,2], [256,2048,0]] ");
  const int expected[][2] = {
    { 1, 3 }, { 16, 3 }, { 31, 3 }, { 32, 2 }, { 255, 2 }, { 256, 0 }, { 9999, 0 }
  };
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    assert_int_equal(sb_sim_k_table_at(&table, expected[i][0], 7), expected[i][1]);
  assert_int_equal(sb_sim_k_table_largest(&table), 3);
  assert_int_equal(sb_sim_k_table_at(&(sb_sim_k_table){ 0 }, 5, 7), 7);
}

static void malformed_k_tables_are_refused(void **state)
{
  (void)state;
  const struct {
    const char *text, *message;
  } cases[] = {
    { "", "must be [[first, last, k], ...]" },
    { "[]", "must be [[" },
    { "8", "must be [[" },
    { "[[1,7]]", "must be [[" },
    { "[[1,7,3,4]]", "must be [[" },
    { "[[1,7,\"3\"]]", "must be [[" },
    { "[[1,7.5,3]]", "must be [[" },
    { "[[1,7,3]] x", "must be [[" },
    { "[[1,7,3]", "must be [[" },
    { "[[2,7,3]]", "range 1: ranges must begin at 1" },
    { "[[1,7,3],[7,9,2]]", "range 2: ranges" },
    { "[[1,0,3]]", "range 1: ranges" },
    { "[[1,7,17]]", "range 1: k must be 0 to 16" },
    { "[[1,7,-1]]", "range 1: k" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sb_sim_k_table table;
    sb_err err = { 0 };
    assert_int_equal(sb_sim_k_table_parse(&table, cases[i].text, &err), SB_EINVAL);
    if (!strstr(err.text, cases[i].message))
      fail_msg("%s: %s", cases[i].text, err.text);
  }
  sb_sim_config config = { .profile = &profile, .k = 2, .k_by_batch_size = table_of("[[1,9,3]]") };
  assert_null(sb_sim_engine_new(&config));
}

static void spec_max_model_len_stops_drafts_of_long_sequences(void **state)
{
  (void)state;
  set_acceptance(1.0);
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 2, .spec_max_model_len = 103 });
  submit(engine, 0, 1, 100, 7); /* 101 tokens long when it first decodes: two more would be the limit */
  submit(engine, 0, 2, 99, 7);  /* 100, then 103 */
  step(engine);
  int64_t at = step(engine);
  double context = 0.101 + 3 * 0.100;
  double expected = 12.0 + 2.0 * 2 + 0.5 * 2 + 0.125 * 2 * 1 + 0.25 * context;
  assert_int_equal(sb_sim_engine_next(engine) - at, ms(expected));
  run_out(engine);
  assert_int_equal(counters_of(engine).drafts, 1);
  sb_sim_engine_free(engine);
}

static uint64_t log_hash(void)
{
  uint64_t hash = 0;
  for (int i = 0; i < event_count; i++) {
    const sb_sim_event *e = &events[i];
    uint64_t fields[] = { e->id, (uint64_t)e->due_ns, (uint64_t)e->tokens, e->first, e->last };
    hash = sb_hash64(fields, sizeof fields, hash);
  }
  return hash;
}

static uint64_t run_noisy(uint64_t seed)
{
  event_count = 0;
  run_many((sb_sim_config){ .k = 3, .step_noise_sd = 0.05, .seed = seed, .max_num_seqs = 32 });
  return log_hash();
}

static void the_same_seed_gives_the_same_events(void **state)
{
  (void)state;
  set_acceptance(0.7);
  uint64_t first = run_noisy(5);
  assert_true(first == run_noisy(5));
  assert_true(first != run_noisy(6));
}

/* Tokens of each event of request 7, alone and in a batch. */
static int tokens_of(uint64_t id, int32_t *out)
{
  int count = 0;
  for (int i = 0; i < event_count; i++)
    if (events[i].id == id)
      out[count++] = events[i].tokens;
  return count;
}

static void acceptance_draws_depend_on_the_request_alone(void **state)
{
  (void)state;
  static int32_t alone[500], batched[500];
  set_acceptance(0.6);
  sb_sim_engine *engine = new_engine((sb_sim_config){ .k = 3, .seed = 1 });
  submit(engine, 0, 7, 10, 400);
  run_out(engine);
  int count = tokens_of(7, alone);
  sb_sim_engine_free(engine);
  event_count = 0;
  engine = new_engine((sb_sim_config){ .k = 3, .seed = 2, .max_num_seqs = 4 });
  for (uint64_t id = 1; id <= 12; id++)
    submit(engine, 0, id, 100, 400);
  run_out(engine);
  assert_int_equal(tokens_of(7, batched), count);
  assert_memory_equal(alone, batched, (size_t)count * sizeof alone[0]);
  sb_sim_engine_free(engine);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(decode_step_follows_the_speculative_formula, fresh_profile),
    cmocka_unit_test_setup(steps_beyond_the_bend_take_longer, fresh_profile),
    cmocka_unit_test_setup(acceptance_per_position_converges_to_the_profile, fresh_profile),
    cmocka_unit_test_setup(draft_rate_leaves_steps_without_a_draft_uncounted, fresh_profile),
    cmocka_unit_test_setup(counters_agree_with_the_tokens_brought, fresh_profile),
    cmocka_unit_test_setup(tokens_are_cut_at_the_output_length, fresh_profile),
    cmocka_unit_test_setup(disable_by_batch_size_bars_for_good_whom_it_meets, fresh_profile),
    cmocka_unit_test_setup(disable_by_batch_size_spares_who_ended_before, fresh_profile),
    cmocka_unit_test_setup(k_by_batch_size_follows_the_running_requests, fresh_profile),
    cmocka_unit_test_setup(k_tables_have_no_gaps_and_no_end, fresh_profile),
    cmocka_unit_test_setup(malformed_k_tables_are_refused, fresh_profile),
    cmocka_unit_test_setup(spec_max_model_len_stops_drafts_of_long_sequences, fresh_profile),
    cmocka_unit_test_setup(the_same_seed_gives_the_same_events, fresh_profile),
    cmocka_unit_test_setup(acceptance_draws_depend_on_the_request_alone, fresh_profile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
