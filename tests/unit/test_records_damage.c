#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "measure_fixture.h"
#include "store/records.h"

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
  sb_run *run = fixture_full_run();
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
  sb_run *run = fixture_full_run();
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
  sb_run *run = fixture_full_run();
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

/* The fields of one file with the arrivals of another, which are a microsecond earlier than its request. */
static void a_chunk_before_its_request_is_damage(void **state)
{
  (void)state;
  enum { ARRIVALS = 4 + 2 }; /* the checksum; when the only chunk came, and whose it is */
  sb_strbuf file = { 0 }, earlier = { 0 };
  for (int64_t t = 10000; t <= 11000; t += 1000) {
    sb_run *run = sb_run_new(1);
    sb_timeline_reset(&run->records[0].timeline, t);
    sb_timeline_append(&run->records[0].timeline, t, 1, true);
    assert_int_equal(sb_records_write_rounded(run, t == 10000 ? &earlier : &file), 0);
    sb_run_free(run);
  }
  assert_int_equal(file.size, earlier.size);
  memcpy(file.data + file.size - ARRIVALS, earlier.data + file.size - ARRIVALS, ARRIVALS);
  seal(&file);
  assert_refused(file.data, file.size, "when its chunks arrived is damaged");
  sb_strbuf_deinit(&file);
  sb_strbuf_deinit(&earlier);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_could_not_be_read_back_is_not_written),
    cmocka_unit_test(every_cut_and_every_flipped_bit_is_refused),
    cmocka_unit_test(damage_under_a_right_checksum_is_refused_or_harmless),
    cmocka_unit_test(the_checksum_alone_tells_a_whole_file),
    cmocka_unit_test(the_reason_says_what_is_wrong),
    cmocka_unit_test(a_chunk_before_its_request_is_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
