#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/varint.h"
#include "store/codec.h"
#include "store/planes.h"

enum { NUMBERS = 4000 };

/* Chunks of a stream: a gap of some milliseconds, then a small count. */
static void put_chunks(sb_strbuf *out)
{
  sb_rng rng;
  sb_rng_init(&rng, 1, 1);
  for (int i = 0; i < NUMBERS; i++) {
    uint64_t value = i % 2 ? sb_rng_u32(&rng) % 4 : 9000000 + sb_rng_u32(&rng) % 3000000;
    sb_varint_append(out, value);
  }
}

static void assert_comes_back(const void *data, size_t size)
{
  sb_strbuf split = { 0 }, back = { 0 };
  sb_err err = { 0 };
  sb_planes_split(data, size, &split);
  if (sb_planes_join(split.data, split.size, &back, &err))
    fail_msg("%s", err.text);
  assert_int_equal(back.size, size);
  if (size)
    assert_memory_equal(back.data, data, size);
  sb_strbuf_deinit(&split);
  sb_strbuf_deinit(&back);
}

static void any_bytes_come_back(void **state)
{
  (void)state;
  sb_strbuf chunks = { 0 };
  put_chunks(&chunks);
  assert_comes_back(chunks.data, chunks.size);
  assert_comes_back(chunks.data, chunks.size - 2); /* in the midst of a number */
  assert_comes_back("", 0);
  uint8_t bytes[5000];
  memset(bytes, 0xff, sizeof bytes); /* a number without an end */
  assert_comes_back(bytes, sizeof bytes);
  sb_rng rng;
  sb_rng_init(&rng, 2, 1);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)sb_rng_u32(&rng);
  assert_comes_back(bytes, sizeof bytes);
  sb_strbuf_deinit(&chunks);
}

static void chunks_become_smaller_in_planes(void **state)
{
  (void)state;
  sb_strbuf chunks = { 0 }, split = { 0 }, plain = { 0 }, packed = { 0 };
  put_chunks(&chunks);
  sb_planes_split(chunks.data, chunks.size, &split);
  assert_int_equal(sb_gzip(chunks.data, chunks.size, &plain, NULL), 0);
  assert_int_equal(sb_gzip(split.data, split.size, &packed, NULL), 0);
  assert_true(packed.size * 10 < plain.size * 9);
  sb_strbuf_deinit(&chunks);
  sb_strbuf_deinit(&split);
  sb_strbuf_deinit(&plain);
  sb_strbuf_deinit(&packed);
}

static void assert_refused(const void *data, size_t size)
{
  sb_strbuf back = { 0 };
  sb_err err = { 0 };
  assert_int_equal(sb_planes_join(data, size, &back, &err), SB_EPARSE);
  assert_true(err.text[0] != '\0');
  assert_int_equal(back.size, 0);
  sb_strbuf_deinit(&back);
}

static void what_was_not_split_is_refused(void **state)
{
  (void)state;
  const char text[] = "\x01\x02\x81\x02\x03\x04";
  sb_strbuf split = { 0 };
  sb_planes_split(text, sizeof text, &split);
  for (size_t size = 0; size < split.size; size++)
    assert_refused(split.data, size);
  sb_strbuf_putc(&split, '\0');
  assert_refused(split.data, split.size);
  split.size--;
  char *first = memchr(split.data, '\x81', split.size);
  assert_non_null(first);
  *first = '\x01'; /* no longer of two bytes: where its second one lies nothing is read */
  assert_refused(split.data, split.size);
  sb_strbuf_deinit(&split);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_bytes_come_back),
    cmocka_unit_test(chunks_become_smaller_in_planes),
    cmocka_unit_test(what_was_not_split_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
