#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"

/* Bytes as a JSON text: walking it value by value accepts what skipping accepts, every string survives being
 * unescaped, written and read again, and so does every number. Bytes as a string: written, it is JSON. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
  if (!holds)
    abort();
}

/* Writes `text` as a JSON string and reads it back. Invalid UTF-8 is replaced once, so that what was read
 * back survives the second time unchanged. */
static void write_and_read(const char *text, size_t size, bool exact)
{
  sb_strbuf json = { 0 }, back = { 0 };
  sb_json j;
  sb_json_string_t s;
  sb_json_put_string(&json, text, size);
  for (size_t i = 0; i < json.size; i++)
    check((unsigned char)json.data[i] < 0x80);
  sb_json_init(&j, json.data, json.size);
  check(sb_json_string(&j, &s) && sb_json_done(&j));
  sb_strbuf_puts(&back, "");
  sb_json_unescape(&s, &back);
  if (exact)
    check(back.size == size && memcmp(back.data, text, size) == 0);
  else
    write_and_read(back.data, back.size, true);
  sb_strbuf_deinit(&json);
  sb_strbuf_deinit(&back);
}

static void check_string(const sb_json_string_t *s)
{
  sb_strbuf text = { 0 };
  sb_strbuf_puts(&text, "");
  sb_json_unescape(s, &text);
  check(s->escaped == (s->size && memchr(s->raw, '\\', s->size)));
  check(text.size <= s->size);
  write_and_read(text.data, text.size, false);
  sb_strbuf_deinit(&text);
}

static void check_number(sb_json *j)
{
  sb_json again = *j, whole = *j, skipped = *j, out;
  double value, back;
  int64_t integer;
  check(sb_json_skip(&skipped));
  if (sb_json_int(&whole, &integer)) {
    sb_strbuf text = { 0 };
    int64_t same;
    sb_json_put_int(&text, integer);
    sb_json_init(&out, text.data, text.size);
    check(sb_json_int(&out, &same) && sb_json_done(&out) && same == integer);
    sb_strbuf_deinit(&text);
  }
  if (sb_json_double(&again, &value)) {
    sb_strbuf text = { 0 };
    sb_json_put_double(&text, value);
    sb_json_init(&out, text.data, text.size);
    if (sb_json_peek(&out) == SB_JSON_NUMBER) { /* an overflow is infinite, and written as null */
      check(sb_json_double(&out, &back) && sb_json_done(&out));
      check(memcmp(&back, &value, sizeof value) == 0);
    }
    sb_strbuf_deinit(&text);
  }
  *j = skipped;
}

static void walk(sb_json *j)
{
  sb_json_string_t s;
  bool b;
  switch (sb_json_peek(j)) {
  case SB_JSON_OBJECT:
    sb_json_object(j);
    while (sb_json_key(j, &s)) {
      check_string(&s);
      walk(j);
    }
    return;
  case SB_JSON_ARRAY:
    sb_json_array(j);
    while (sb_json_item(j))
      walk(j);
    return;
  case SB_JSON_STRING:
    if (sb_json_string(j, &s))
      check_string(&s);
    return;
  case SB_JSON_NUMBER: {
    sb_json probe = *j;
    if (sb_json_skip(&probe))
      check_number(j);
    else
      *j = probe;
    return;
  }
  case SB_JSON_TRUE:
  case SB_JSON_FALSE: sb_json_bool(j, &b); return;
  case SB_JSON_NULL:
  case SB_JSON_ERROR: sb_json_skip(j); return;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  sb_json skipped, walked;
  sb_json_init(&skipped, text, size);
  sb_json_init(&walked, text, size);
  sb_json_skip(&skipped);
  walk(&walked);
  check(sb_json_done(&skipped) == sb_json_done(&walked));
  check(walked.at <= walked.end && skipped.at <= skipped.end);
  if (size)
    write_and_read(text, size, false);
  return 0;
}
