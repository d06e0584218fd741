#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/rng.h"
#include "measure_fixture.h"
#include "store/records.h"

static void assert_same(const sb_record *a, const sb_record *b)
{
  assert_int_equal(a->id, b->id);
  assert_int_equal(a->prompt_id, b->prompt_id);
  assert_true(a->t_intended == b->t_intended && a->t_send == b->t_send);
  assert_true(a->t_first_byte == b->t_first_byte && a->t_done == b->t_done);
  assert_int_equal(a->http_status, b->http_status);
  assert_int_equal(a->outcome, b->outcome);
  assert_int_equal(a->finish, b->finish);
  assert_int_equal(a->token_source, b->token_source);
  assert_true(a->prompt_tokens == b->prompt_tokens && a->completion_tokens == b->completion_tokens);
  assert_true(a->cached_tokens == b->cached_tokens);
  assert_true(a->draft_tokens == b->draft_tokens && a->accepted_tokens == b->accepted_tokens);
  assert_true(a->text_hash == b->text_hash && a->bytes == b->bytes);
  if (b->error)
    assert_string_equal(a->error, b->error);
  else
    assert_null(a->error);
  assert_int_equal(a->timeline.chunks, b->timeline.chunks);
  assert_true(a->timeline.tokens == b->timeline.tokens);
  assert_true(a->timeline.origin_ns == b->timeline.origin_ns && a->timeline.last_ns == b->timeline.last_ns);
  assert_int_equal(a->timeline.size, b->timeline.size);
  if (b->timeline.size)
    assert_memory_equal(a->timeline.bytes, b->timeline.bytes, b->timeline.size);
  assert_int_equal(a->max_tokens, b->max_tokens);
  assert_int_equal(a->tokens_disagree, b->tokens_disagree);
  assert_int_equal(a->resent, b->resent);
  assert_int_equal(a->others.chunks, b->others.chunks);
  assert_true(a->others.tokens == b->others.tokens && a->others.last_ns == b->others.last_ns);
  assert_int_equal(a->others.size, b->others.size);
  if (b->others.size)
    assert_memory_equal(a->others.bytes, b->others.bytes, b->others.size);
}

/* Writes, reads back, compares everything but the text. */
static void assert_round_trip(const sb_run *run)
{
  sb_strbuf file = { 0 };
  sb_err err = { 0 };
  assert_int_equal(sb_records_write(run, &file), 0);
  sb_run *back = sb_records_parse(file.data, file.size, &err);
  if (!back)
    fail_msg("%s", err.text);
  assert_int_equal(back->count, run->count);
  assert_true(back->t_start == run->t_start && back->t_end == run->t_end);
  assert_true(back->wall_anchor_ns == run->wall_anchor_ns && back->clock_anchor_ns == run->clock_anchor_ns);
  assert_int_equal(back->concurrency, run->concurrency);
  assert_true(back->clock_scale == run->clock_scale);
  assert_int_equal(back->chat, run->chat);
  assert_int_equal(back->events_known, run->events_known);
  for (uint32_t i = 0; i < run->count; i++)
    assert_same(&back->records[i], &run->records[i]);
  sb_run_free(back);
  sb_strbuf_deinit(&file);
}

static int64_t rounded(int64_t ns)
{
  return ns > INT64_MAX - 999 ? INT64_MAX / 1000 * 1000 : (ns + 999) / 1000 * 1000;
}

static sb_timeline rounded_timeline(const sb_timeline *line)
{
  sb_timeline copy = { 0 };
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_reset(&copy, rounded(line->origin_ns));
  sb_timeline_read(line, &reader);
  while (sb_timeline_next(&reader, &chunk))
    sb_timeline_append(&copy, rounded(chunk.t_ns), chunk.tokens, chunk.has_text);
  return copy;
}

static void round_record(sb_record *record)
{
  record->t_intended = rounded(record->t_intended);
  record->t_send = rounded(record->t_send);
  record->t_first_byte = rounded(record->t_first_byte);
  record->t_done = rounded(record->t_done);
  sb_timeline chunks = rounded_timeline(&record->timeline), others = rounded_timeline(&record->others);
  sb_timeline_deinit(&record->timeline);
  sb_timeline_deinit(&record->others);
  record->timeline = chunks;
  record->others = others;
}

/* Writes with rounded times, reads back, compares each with that of the run by itself, and once more. Rounds the run. */
static void assert_rounded_trip(sb_run *run)
{
  sb_strbuf file = { 0 }, again = { 0 };
  sb_err err = { 0 };
  assert_int_equal(sb_records_write_rounded(run, &file), 0);
  sb_run *back = sb_records_parse(file.data, file.size, &err);
  if (!back)
    fail_msg("%s", err.text);
  assert_true(back->t_start == rounded(run->t_start) && back->t_end == rounded(run->t_end));
  assert_true(back->wall_anchor_ns == run->wall_anchor_ns);
  assert_true(back->clock_anchor_ns == rounded(run->clock_anchor_ns));
  for (uint32_t i = 0; i < run->count; i++) {
    round_record(&run->records[i]);
    assert_same(&back->records[i], &run->records[i]);
  }
  assert_int_equal(sb_records_write_rounded(back, &again), 0);
  sb_run *twice = sb_records_parse(again.data, again.size, &err);
  for (uint32_t i = 0; i < run->count; i++)
    assert_same(&twice->records[i], &run->records[i]);
  assert_round_trip(back);
  sb_run_free(twice);
  sb_run_free(back);
  sb_strbuf_deinit(&again);
  sb_strbuf_deinit(&file);
}

static void a_run_reads_back_exactly(void **state)
{
  (void)state;
  sb_run *run = fixture_full_run();
  assert_round_trip(run);
  run->records[2].t_done = INT64_MAX;
  run->records[2].t_send = 0;
  run->records[2].http_status = INT32_MIN;
  run->t_start = INT64_MAX;
  assert_round_trip(run);
  assert_rounded_trip(run);
  sb_run_free(run);
}

static void times_are_rounded_one_by_one_and_what_did_not_happen_stays_so(void **state)
{
  (void)state;
  sb_run *run = fixture_full_run();
  run->records[0].t_first_byte = 0;
  run->records[1].t_first_byte = 1;
  sb_timeline_append(&run->records[3].timeline, run->records[3].timeline.last_ns + 1, 1, true);
  sb_timeline_append(&run->records[3].timeline, run->records[3].timeline.last_ns + 1500, 1, true);
  assert_rounded_trip(run);
  assert_true(run->records[0].t_first_byte == 0 && run->records[1].t_first_byte == 1000);
  sb_run_free(run);
}

static void a_run_without_requests_reads_back(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(0);
  assert_round_trip(run);
  assert_rounded_trip(run);
  sb_run_free(run);
}

/* Streams of one batch, which get a chunk each at every step of an engine. */
static void rounded_batches_are_small(void **state)
{
  (void)state;
  enum { STREAMS = 32, STEPS = 100 };
  sb_rng rng;
  sb_rng_init(&rng, 1, 2);
  sb_run *run = sb_run_new(STREAMS);
  run->t_start = fixture_at(0);
  for (uint32_t i = 0; i < STREAMS; i++) {
    run->records[i].t_send = run->t_start;
    sb_timeline_reset(&run->records[i].timeline, run->t_start);
  }
  for (int64_t step = 1, now = run->t_start; step <= STEPS; step++) {
    now += 5000000 + (int64_t)sb_rng_below(&rng, 1000000);
    for (uint32_t i = 0; i < STREAMS; i++) {
      now += (int64_t)sb_rng_below(&rng, 40000);
      sb_timeline_append(&run->records[i].timeline, now, 1, true);
    }
  }
  sb_strbuf exact = { 0 }, small = { 0 };
  assert_int_equal(sb_records_write(run, &exact), 0);
  assert_int_equal(sb_records_write_rounded(run, &small), 0);
  assert_true(exact.size > 5 * STREAMS * STEPS);
  assert_true(small.size <
              3 * STREAMS * STEPS + 40 * STREAMS); /* a byte each: since the last one, whose, what */
  sb_strbuf_deinit(&exact);
  sb_strbuf_deinit(&small);
  sb_run_free(run);
}

/* Whoever began last goes on first: what a crafted file may ask for of as many timelines as it holds, and what took
 * minutes while each cost as many steps as there are others. */
static void many_timelines_may_go_on_in_any_order(void **state)
{
  (void)state;
  enum { STREAMS = 100000, STEPS = 4 };
  sb_run *run = sb_run_new(STREAMS);
  int64_t now = 0;
  for (uint32_t step = 0; step < STEPS; step++)
    for (uint32_t i = 0; i < STREAMS; i++)
      sb_timeline_append(&run->records[step % 2 ? i : STREAMS - 1 - i].timeline, now += 1000, 1, true);
  assert_rounded_trip(run);
  sb_run_free(run);
}

static void random_runs_read_back(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 30; seed++) {
    sb_rng rng;
    sb_rng_init(&rng, seed, 2);
    sb_run *run = sb_run_new((uint32_t)sb_rng_below(&rng, 30));
    run->t_start = (int64_t)(sb_rng_u64(&rng) >> (1 + sb_rng_below(&rng, 50)));
    for (uint32_t i = 0; i < run->count; i++) {
      sb_record *r = &run->records[i];
      r->t_send = run->t_start / 2 + (int64_t)sb_rng_below(&rng, 1000000);
      r->t_done = (int64_t)(sb_rng_u64(&rng) >> 1);
      r->outcome = (sb_outcome)sb_rng_below(&rng, SB_OUTCOME_CANCELED + 1);
      r->token_source = (sb_token_source)sb_rng_below(&rng, SB_TOKENS_USAGE_TOTAL + 1);
      r->draft_tokens = (int64_t)sb_rng_below(&rng, 1000) - 1;
      sb_timeline_reset(&r->timeline, r->t_send);
      for (uint64_t c = sb_rng_below(&rng, 100); c > 0; c--)
        sb_timeline_append(&r->timeline, r->timeline.last_ns + (int64_t)sb_rng_below(&rng, 100000000),
                           sb_rng_u32(&rng) >> sb_rng_below(&rng, 32), c % 3 > 0);
    }
    assert_round_trip(run);
    assert_rounded_trip(run);
    sb_run_free(run);
  }
}

static void a_line_a_request_for_people(void **state)
{
  (void)state;
  sb_run *run = fixture_full_run();
  sb_strbuf out = { 0 };
  sb_records_to_jsonl(run, &out);
  const char *second =
      "{\"id\": 1, \"prompt_id\": 0, \"t_intended_ns\": 20000000, \"t_send_ns\": 20000000, "
      "\"t_first_byte_ns\": 55000000, \"t_done_ns\": 61000000, \"http_status\": 0, \"outcome\": \"ok\", "
      "\"finish_reason\": \"none\", \"error\": null, \"token_source\": \"continuous_usage\", \"tokens\": 1, "
      "\"tokens_disagree\": false, \"max_tokens\": null, \"prompt_tokens\": 20, \"completion_tokens\": null, "
      "\"cached_tokens\": null, \"draft_tokens\": null, "
      "\"accepted_tokens\": null, \"text_hash\": \"0000000000000000\", \"bytes\": 0, "
      "\"chunks\": [[60000000, 1, true]], \"others\": []}\n";
  char *line = strchr(out.data, '\n') + 1;
  assert_memory_equal(line, second, strlen(second));
  assert_non_null(strstr(out.data, "\"t_intended_ns\": -10000000, "));
  assert_non_null(strstr(out.data, "\"text_hash\": \"ffffffffffffffff\""));
  assert_non_null(strstr(out.data, "\"tokens_disagree\": false, \"resent\": true, "));
  assert_non_null(strstr(out.data, "\"bytes\": 18446744073709551615, "));
  assert_non_null(strstr(out.data, "\"error\": \"the stream ended \\\"early\\\"\""));
  int lines = 0;
  for (line = out.data; *line; lines++) {
    char *end = strchr(line, '\n');
    sb_json json;
    sb_json_init(&json, line, (size_t)(end - line));
    assert_true(sb_json_skip(&json));
    assert_true(sb_json_done(&json));
    line = end + 1;
  }
  assert_int_equal(lines, 4);
  sb_strbuf_deinit(&out);
  sb_run_free(run);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_run_reads_back_exactly),
    cmocka_unit_test(times_are_rounded_one_by_one_and_what_did_not_happen_stays_so),
    cmocka_unit_test(a_run_without_requests_reads_back),
    cmocka_unit_test(rounded_batches_are_small),
    cmocka_unit_test(many_timelines_may_go_on_in_any_order),
    cmocka_unit_test(random_runs_read_back),
    cmocka_unit_test(a_line_a_request_for_people),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
