#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/record.h"
#include "measure/timeline.h"
#include "measure/varint.h"

static void numbers_of_every_length_read_back(void **state)
{
  (void)state;
  for (unsigned bit = 0; bit < 64; bit++)
    for (uint64_t off = 0; off < 3; off++) {
      uint64_t value = (UINT64_C(1) << bit) - 1 + off, back = 0;
      uint8_t bytes[SB_VARINT_MAX];
      size_t size = sb_varint_put(bytes, value);
      const uint8_t *at = bytes;
      assert_true(sb_varint_get(&at, bytes + size, &back));
      assert_int_equal(back, value);
      assert_ptr_equal(at, bytes + size);
      at = bytes;
      assert_false(sb_varint_get(&at, bytes + size - 1, &back));
      assert_ptr_equal(at, bytes);
    }
}

static void numbers_over_64_bits_are_refused(void **state)
{
  (void)state;
  uint8_t eleven[11], ten[10];
  uint64_t value;
  memset(eleven, 0x80, sizeof eleven);
  eleven[10] = 0;
  const uint8_t *at = eleven;
  assert_false(sb_varint_get(&at, eleven + sizeof eleven, &value));
  memset(ten, 0x80, sizeof ten);
  ten[9] = 2;
  at = ten;
  assert_false(sb_varint_get(&at, ten + sizeof ten, &value));
  ten[9] = 1;
  assert_true(sb_varint_get(&at, ten + sizeof ten, &value));
  assert_int_equal(value, UINT64_C(1) << 63);
}

static void signed_numbers_keep_their_value_and_small_ones_stay_small(void **state)
{
  (void)state;
  assert_int_equal(sb_zigzag(0), 0);
  assert_int_equal(sb_zigzag(-1), 1);
  assert_int_equal(sb_zigzag(1), 2);
  const int64_t values[] = { 0, 1, -1, 63, -64, INT64_MAX, INT64_MIN };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    assert_true(sb_unzigzag(sb_zigzag(values[i])) == values[i]);
}

static void an_empty_timeline_has_no_chunk(void **state)
{
  (void)state;
  sb_timeline timeline = { 0 };
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(&timeline, &reader);
  assert_false(sb_timeline_next(&reader, &chunk));
  sb_timeline_reset(&timeline, 77);
  sb_timeline_shrink(&timeline);
  sb_timeline spare;
  sb_timeline_pack(&timeline, &spare);
  assert_int_equal(spare.capacity, 0);
  assert_int_equal(timeline.last_ns, 77);
  sb_timeline_read(&timeline, &reader);
  assert_false(sb_timeline_next(&reader, &chunk));
  sb_timeline_deinit(&timeline);
}

static void chunks_read_back_as_they_were_appended(void **state)
{
  (void)state;
  enum { N = 2000 };
  sb_chunk *expected = calloc(N, sizeof *expected);
  assert_non_null(expected);
  sb_timeline timeline = { 0 };
  for (uint64_t seed = 0; seed < 20; seed++) {
    sb_rng rng;
    sb_rng_init(&rng, seed, 1);
    int64_t t = (int64_t)sb_rng_below(&rng, UINT64_C(1) << 60);
    uint64_t tokens = 0;
    sb_timeline_reset(&timeline, t);
    for (size_t i = 0; i < N; i++) {
      t += (int64_t)(sb_rng_u64(&rng) >> (24 + sb_rng_below(&rng, 40)));
      expected[i] = (sb_chunk){ t, sb_rng_u32(&rng) >> sb_rng_below(&rng, 32), sb_rng_below(&rng, 2) == 1 };
      tokens += expected[i].tokens;
      sb_timeline_append(&timeline, t, expected[i].tokens, expected[i].has_text);
    }
    if (seed % 3 == 1)
      sb_timeline_shrink(&timeline);
    if (seed % 3 == 2) { /* the memory that is left serves another */
      sb_timeline spare;
      sb_timeline_pack(&timeline, &spare);
      assert_int_equal(timeline.capacity, timeline.size);
      sb_timeline_reset(&spare, 5);
      for (size_t i = 0; i < N; i++)
        sb_timeline_append(&spare, 5, 0, false);
      assert_int_equal(spare.chunks, N);
      sb_timeline_deinit(&spare);
    }
    assert_int_equal(timeline.chunks, N);
    assert_int_equal(timeline.tokens, tokens);
    assert_int_equal(timeline.last_ns, t);

    sb_timeline_reader reader;
    sb_chunk chunk;
    sb_timeline_read(&timeline, &reader);
    for (size_t i = 0; i < N; i++) {
      assert_true(sb_timeline_next(&reader, &chunk));
      assert_int_equal(chunk.t_ns, expected[i].t_ns);
      assert_int_equal(chunk.tokens, expected[i].tokens);
      assert_int_equal(chunk.has_text, expected[i].has_text);
    }
    assert_false(sb_timeline_next(&reader, &chunk));
    assert_ptr_equal(reader.at, reader.end);
  }
  sb_timeline_deinit(&timeline);
  free(expected);
}

static void a_chunk_before_its_predecessor_is_moved_to_it(void **state)
{
  (void)state;
  sb_timeline timeline = { 0 };
  sb_timeline_reset(&timeline, 1000);
  sb_timeline_append(&timeline, 1500, 1, true);
  sb_timeline_append(&timeline, 1400, 2, true);
  sb_timeline_append(&timeline, 1600, 3, true);
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(&timeline, &reader);
  assert_true(sb_timeline_next(&reader, &chunk));
  assert_true(sb_timeline_next(&reader, &chunk));
  assert_int_equal(chunk.t_ns, 1500);
  assert_true(sb_timeline_next(&reader, &chunk));
  assert_int_equal(chunk.t_ns, 1600);
  sb_timeline_deinit(&timeline);
}

static void a_chunk_a_step_takes_about_five_bytes(void **state)
{
  (void)state;
  sb_timeline timeline = { 0 };
  sb_timeline_reset(&timeline, 5000000000);
  for (int64_t i = 1; i <= 1000; i++)
    sb_timeline_append(&timeline, 5000000000 + i * 12345678, 3, true);
  assert_int_equal(timeline.size, 5000);
  uint8_t *bytes = timeline.bytes;
  sb_timeline_reset(&timeline, 0);
  sb_timeline_append(&timeline, 1, 1, true);
  assert_ptr_equal(timeline.bytes, bytes);
  sb_timeline_deinit(&timeline);
}

static void damaged_bytes_end_the_reading_inside_their_bounds(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 5, 5);
  for (int round = 0; round < 5000; round++) {
    size_t size = sb_rng_below(&rng, 40);
    uint8_t *bytes = malloc(size ? size : 1); /* its own block, so that a sanitizer sees each step outside */
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
      bytes[i] = (uint8_t)(sb_rng_u32(&rng) | (round % 3 == 0 ? 0x80 : 0));
    sb_timeline timeline = { .bytes = bytes, .size = (uint32_t)size, .origin_ns = INT64_MAX / 2 };
    sb_timeline_reader reader;
    sb_chunk chunk;
    int64_t last = timeline.origin_ns;
    sb_timeline_read(&timeline, &reader);
    while (sb_timeline_next(&reader, &chunk)) {
      assert_true(chunk.t_ns >= last);
      last = chunk.t_ns;
    }
    assert_true(reader.at <= reader.end);
    assert_false(sb_timeline_next(&reader, &chunk));
    free(bytes);
  }
}

static void a_time_past_the_end_of_time_is_damage(void **state)
{
  (void)state;
  uint8_t bytes[2 * SB_VARINT_MAX];
  size_t size = sb_varint_put(bytes, 11);
  size += sb_varint_put(bytes + size, 2);
  sb_timeline timeline = { .bytes = bytes, .size = (uint32_t)size, .origin_ns = INT64_MAX - 10 };
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(&timeline, &reader);
  assert_false(sb_timeline_next(&reader, &chunk));
  timeline.origin_ns--;
  sb_timeline_read(&timeline, &reader);
  assert_true(sb_timeline_next(&reader, &chunk));
  assert_true(chunk.t_ns == INT64_MAX);
}

static void more_tokens_than_a_chunk_can_hold_are_damage(void **state)
{
  (void)state;
  for (uint64_t extra = 0; extra < 2; extra++) {
    uint8_t bytes[2 * SB_VARINT_MAX];
    size_t size = sb_varint_put(bytes, 1);
    size += sb_varint_put(bytes + size, (uint64_t)UINT32_MAX * 2 + 1 + extra);
    sb_timeline timeline = { .bytes = bytes, .size = (uint32_t)size };
    sb_timeline_reader reader;
    sb_chunk chunk;
    sb_timeline_read(&timeline, &reader);
    assert_int_equal(sb_timeline_next(&reader, &chunk), extra == 0);
  }
}

static void a_new_run_knows_nothing_yet(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  assert_int_equal(run->records[1].id, 1);
  assert_int_equal(run->records[1].prompt_tokens, -1);
  assert_int_equal(sb_record_tokens(&run->records[1]), -1);
  assert_true(run->clock_scale == 1.0);
  sb_run_free(run);
  sb_run_free(NULL);
}

static void tokens_come_from_the_chunks_or_else_from_the_total(void **state)
{
  (void)state;
  sb_record record = { .completion_tokens = 40 };
  sb_timeline_append(&record.timeline, 1, 7, true);
  for (sb_token_source s = SB_TOKENS_UNKNOWN; s <= SB_TOKENS_USAGE_TOTAL; s++) {
    bool per_chunk = s != SB_TOKENS_UNKNOWN && s != SB_TOKENS_USAGE_TOTAL;
    record.token_source = s;
    assert_int_equal(sb_token_source_per_chunk(s), per_chunk);
    assert_int_equal(sb_record_tokens(&record), per_chunk ? 7 : 40);
  }
  record.completion_tokens = -1;
  assert_int_equal(sb_record_tokens(&record), -1);
  sb_record_deinit(&record);
}

static void every_name_is_its_own(void **state)
{
  (void)state;
  assert_string_equal(sb_token_source_name(SB_TOKENS_CONTINUOUS_USAGE), "continuous_usage");
  assert_string_equal(sb_outcome_name(SB_OUTCOME_TRUNCATED), "truncated");
  assert_string_equal(sb_finish_name(SB_FINISH_LENGTH), "length");
  for (int a = 0; a <= SB_OUTCOME_CANCELED; a++)
    for (int b = 0; b < a; b++)
      assert_string_not_equal(sb_outcome_name((sb_outcome)a), sb_outcome_name((sb_outcome)b));
  for (int a = 0; a <= SB_TOKENS_USAGE_TOTAL; a++)
    for (int b = 0; b < a; b++)
      assert_string_not_equal(sb_token_source_name((sb_token_source)a),
                              sb_token_source_name((sb_token_source)b));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(numbers_of_every_length_read_back),
    cmocka_unit_test(numbers_over_64_bits_are_refused),
    cmocka_unit_test(signed_numbers_keep_their_value_and_small_ones_stay_small),
    cmocka_unit_test(an_empty_timeline_has_no_chunk),
    cmocka_unit_test(chunks_read_back_as_they_were_appended),
    cmocka_unit_test(a_chunk_before_its_predecessor_is_moved_to_it),
    cmocka_unit_test(a_chunk_a_step_takes_about_five_bytes),
    cmocka_unit_test(damaged_bytes_end_the_reading_inside_their_bounds),
    cmocka_unit_test(a_time_past_the_end_of_time_is_damage),
    cmocka_unit_test(more_tokens_than_a_chunk_can_hold_are_damage),
    cmocka_unit_test(a_new_run_knows_nothing_yet),
    cmocka_unit_test(tokens_come_from_the_chunks_or_else_from_the_total),
    cmocka_unit_test(every_name_is_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
