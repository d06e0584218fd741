#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

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

static sb_run *full_run(void)
{
  sb_run *run = fixture_small_run();
  run->wall_anchor_ns = 1790000000123456789;
  run->clock_anchor_ns = 999999999;
  run->clock_scale = 0.1;
  run->records[0].text = strdup("not kept here");
  run->records[0].text_hash = UINT64_MAX;
  run->records[0].http_status = 200;
  run->records[0].finish = SB_FINISH_LENGTH;
  run->records[1].t_first_byte = fixture_at(55);
  run->records[3].error = strdup("the stream ended \"early\"");
  run->records[3].bytes = UINT64_MAX;
  run->chat = true;
  run->records[0].max_tokens = UINT32_MAX;
  run->records[0].tokens_disagree = true;
  run->records[3].resent = true;
  sb_timeline_reset(&run->records[0].others, run->records[0].t_send);
  sb_timeline_append(&run->records[0].others, fixture_at(90), 0, false);
  sb_timeline_append(&run->records[0].others, fixture_at(200), run->records[0].timeline.chunks, true);
  return run;
}

static void a_run_reads_back_exactly(void **state)
{
  (void)state;
  sb_run *run = full_run();
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
  sb_run *run = full_run();
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

static void what_could_not_be_read_back_is_not_written(void **state)
{
  (void)state;
  sb_strbuf file = { 0 };
  for (int flaw = 0; flaw < 8; flaw++) {
    sb_run *run = fixture_small_run();
    sb_record *r = &run->records[2];
    switch (flaw) {
    case 0: r->t_send = -1; break;
    case 1: r->outcome = (sb_outcome)99; break;
    case 2: r->accepted_tokens = -2; break;
    case 3: r->timeline.tokens++; break;
    case 4: r->timeline.bytes[r->timeline.size - 1] |= 0x80; break;
    case 5: run->clock_scale = 0.0; break;
    case 6: sb_timeline_append(&r->others, 0, r->timeline.chunks + 1, false); break;
    default: run->t_end = -5; break;
    }
    assert_int_equal(sb_records_write(run, &file), SB_EINVAL);
    assert_int_equal(sb_records_write_rounded(run, &file), SB_EINVAL);
    assert_int_equal(file.size, 0);
    sb_run_free(run);
  }
  sb_strbuf_deinit(&file);
}

static void assert_refused(const void *data, size_t size, const char *why)
{
  sb_err err = { 0 };
  void *copy = malloc(size ? size : 1); /* exactly as large, so that the sanitizer sees a step outside */
  assert_non_null(copy);
  memcpy(copy, data, size);
  sb_run *run = sb_records_parse(copy, size, &err);
  assert_null(run);
  assert_int_equal(err.code, SB_EPARSE);
  assert_non_null(strstr(err.text, why));
  assert_null(strchr(err.text, '\n'));
  free(copy);
}

typedef int writing(const sb_run *run, sb_strbuf *out);

static writing *const writings[] = { sb_records_write, sb_records_write_rounded };

static void assert_no_change_is_missed(writing *write)
{
  sb_run *run = full_run();
  sb_strbuf file = { 0 };
  assert_int_equal(write(run, &file), 0);
  for (size_t size = 0; size < file.size; size++)
    assert_refused(file.data, size, "records file");
  for (size_t i = 0; i < file.size * 8; i++) {
    file.data[i / 8] ^= (char)(1 << i % 8);
    assert_refused(file.data, file.size, "records file");
    file.data[i / 8] ^= (char)(1 << i % 8);
  }
  sb_run *back = sb_records_parse(file.data, file.size, NULL);
  assert_non_null(back);
  sb_run_free(back);
  sb_strbuf_deinit(&file);
  sb_run_free(run);
}

static void every_cut_and_every_flipped_bit_is_refused(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++)
    assert_no_change_is_missed(writings[i]);
}

/* A new checksum over a changed file, so that the reader proper sees the change. */
static void seal(sb_strbuf *file)
{
  unsigned long crc = crc32(0, (const Bytef *)file->data, (uInt)(file->size - 4));
  for (size_t i = 0; i < 4; i++)
    file->data[file->size - 4 + i] = (char)(crc >> 8 * i & 0xff);
}

static void assert_damage_does_no_harm(writing *write)
{
  sb_run *run = full_run();
  sb_strbuf file = { 0 };
  assert_int_equal(write(run, &file), 0);
  int refused = 0, read = 0;
  for (size_t i = 7 * 8; i < (file.size - 4) * 8; i++) {
    file.data[i / 8] ^= (char)(1 << i % 8);
    seal(&file);
    sb_err err = { 0 };
    sb_run *back = sb_records_parse(file.data, file.size, &err);
    if (back) {
      sb_strbuf again = { 0 };
      assert_int_equal(write(back, &again), 0);
      sb_strbuf_deinit(&again);
      read++;
    } else {
      assert_int_equal(err.code, SB_EPARSE);
      refused++;
    }
    sb_run_free(back);
    file.data[i / 8] ^= (char)(1 << i % 8);
  }
  assert_true(refused > 0 && read > 0);
  sb_strbuf_deinit(&file);
  sb_run_free(run);
}

static void damage_under_a_right_checksum_is_refused_or_harmless(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++)
    assert_damage_does_no_harm(writings[i]);
}

static void the_checksum_alone_tells_a_whole_file(void **state)
{
  (void)state;
  sb_run *run = full_run();
  sb_strbuf file = { 0 };
  assert_int_equal(sb_records_write(run, &file), 0);
  assert_int_equal(sb_records_check(file.data, file.size, NULL), 0);
  sb_err err = { 0 };
  for (size_t size = 0; size < file.size; size++)
    assert_int_equal(sb_records_check(file.data, size, &err), SB_EPARSE);
  file.data[file.size / 2] ^= 1;
  assert_int_equal(sb_records_check(file.data, file.size, &err), SB_EPARSE);
  assert_non_null(strstr(err.text, "checksum"));
  sb_strbuf_deinit(&file);
  sb_run_free(run);
}

static void the_reason_says_what_is_wrong(void **state)
{
  (void)state;
  assert_refused("{\"id\": 0}", 9, "not a records file");
  sb_run *run = fixture_small_run();
  sb_strbuf file = { 0 };
  assert_int_equal(sb_records_write(run, &file), 0);
  assert_refused(file.data, file.size - 1, "checksum");
  char count = file.data[7];
  file.data[7] = 127;
  seal(&file);
  assert_refused(file.data, file.size, "more requests than it holds");
  file.data[7] = (char)(count - 1);
  seal(&file);
  assert_refused(file.data, file.size, "bytes follow the last request");
  file.data[7] = (char)(count + 1);
  seal(&file);
  assert_refused(file.data, file.size, "request 4 of 5 is damaged");
  sb_strbuf_clear(&file);
  assert_int_equal(sb_records_write_rounded(run, &file), 0);
  file.data[file.size - 5] = 127; /* the last event's timeline */
  seal(&file);
  assert_refused(file.data, file.size, "when its chunks arrived is damaged");
  sb_strbuf_deinit(&file);
  sb_run_free(run);
}

static void a_line_a_request_for_people(void **state)
{
  (void)state;
  sb_run *run = full_run();
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
    cmocka_unit_test(random_runs_read_back),
    cmocka_unit_test(what_could_not_be_read_back_is_not_written),
    cmocka_unit_test(every_cut_and_every_flipped_bit_is_refused),
    cmocka_unit_test(damage_under_a_right_checksum_is_refused_or_harmless),
    cmocka_unit_test(the_checksum_alone_tells_a_whole_file),
    cmocka_unit_test(the_reason_says_what_is_wrong),
    cmocka_unit_test(a_line_a_request_for_people),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
