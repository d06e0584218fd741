#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "base/json.h"
#include "base/json_write.h"
#include "base/rng.h"

/* A copy of exactly `size` bytes on the heap, so that the sanitizers see a read past the end. */
static char *exact(const char *text, size_t size)
{
  char *copy = sb_alloc(size);
  memcpy(copy, text, size);
  return copy;
}

static bool is_json(const char *text)
{
  size_t size = strlen(text);
  char *copy = exact(text, size);
  sb_json j;
  sb_json_init(&j, copy, size);
  bool skipped = sb_json_skip(&j), whole = sb_json_done(&j);
  free(copy);
  return skipped && whole;
}

static void what_rfc_8259_allows_is_accepted(void **state)
{
  (void)state;
  static const char *const texts[] = {
    "{}",
    "[]",
    " [ ] ",
    "\"\"",
    "0",
    "-0",
    "-0.0e-0",
    "1E+2",
    "123.456",
    "true",
    "false",
    "null",
    "{\"a\":1,\"a\":2}",
    "[[],[[]],{}]",
    "\t\n\r {\"a\" : [1 , 2] } \n",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
    "\"\xc3\xa9\"",
    "{\"\":null}",
    "1e400",
    "123456789012345678901234567890",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!is_json(texts[i]))
      fail_msg("refused: %s", texts[i]);
}

static void everything_else_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
    "",           " ",           "{",         "[",
    "}",          "]",           "[1,]",      "[,1]",
    "[1 2]",      "{\"a\":1,}",  "{,}",       "{\"a\"}",
    "{\"a\":}",   "{a:1}",       "{\"a\" 1}", "{1:2}",
    "'a'",        "\"a",         "\"\\",      "\"\\x\"",
    "\"\\u12\"",  "\"\\u12g4\"", "\"\\u\"",   "\"a\nb\"",
    "\"a\tb\"",   "01",          "-",         "+1",
    ".5",         "1.",          "1.e2",      "1e",
    "1e+",        "0x10",        "NaN",       "Infinity",
    "-Infinity",  "tru",         "truex",     "True",
    "nul",        "nulll",       "1 2",       "{} {}",
    "[1]]",       "{\"a\":1}}",  "// 1",      "[1] x",
    "\"a\"\"b\"", "[1}",         "{\"a\":1]", "\xef\xbb\xbf{}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (is_json(texts[i]))
      fail_msg("accepted: %s", texts[i]);
}

static void a_value_of_another_type_than_wanted_is_skipped(void **state)
{
  (void)state;
  const char *text = "[null, {\"a\": [1]}, \"s\", 7, x]";
  sb_json j;
  sb_json_string_t string;
  int64_t number = 0;
  sb_json_init(&j, text, strlen(text));
  assert_true(sb_json_array(&j) && sb_json_item(&j) && !sb_json_next_is(&j, SB_JSON_STRING));
  assert_true(sb_json_item(&j) && !sb_json_next_is(&j, SB_JSON_ARRAY));
  assert_true(sb_json_item(&j) && sb_json_next_is(&j, SB_JSON_STRING) && sb_json_string(&j, &string));
  assert_true(sb_json_item(&j) && sb_json_next_is(&j, SB_JSON_NUMBER) && sb_json_int(&j, &number));
  assert_int_equal(number, 7);
  assert_true(sb_json_item(&j) && !sb_json_next_is(&j, SB_JSON_OBJECT)); /* no value at all */
  assert_true(j.failed);
}

static void every_beginning_of_a_document_is_refused(void **state)
{
  (void)state;
  const char *text = "{\"k\\u00e9\": [1.5e3, true, null, {\"s\": \"\\ud83d\\ude00\"}], \"n\": -12}";
  assert_true(is_json(text));
  for (size_t size = 0; size < strlen(text); size++) {
    char *copy = exact(text, size);
    sb_json j;
    sb_json_init(&j, copy, size);
    sb_json_skip(&j);
    assert_false(sb_json_done(&j));
    free(copy);
  }
}

static void nesting_has_a_limit_and_no_stack_overflow(void **state)
{
  (void)state;
  sb_strbuf text = { 0 };
  for (int depth = 1; depth <= 200; depth++) {
    sb_strbuf_clear(&text);
    for (int i = 0; i < depth; i++)
      sb_strbuf_putc(&text, '[');
    for (int i = 0; i < depth; i++)
      sb_strbuf_putc(&text, ']');
    assert_int_equal(is_json(text.data), depth <= 128);
  }
  sb_strbuf_clear(&text);
  for (int i = 0; i < 1000000; i++)
    sb_strbuf_putc(&text, '[');
  assert_false(is_json(text.data));
  sb_strbuf_deinit(&text);
}

static void a_document_is_walked_in_place(void **state)
{
  (void)state;
  const char *text =
      "{\"skip\": [1, {\"n\": 2}], \"n\": 42, \"x\": 2.5, \"ok\": true, \"list\": [\"a\", \"b\"]}";
  sb_json j;
  sb_json_string_t key, item;
  int64_t n = 0;
  double x = 0;
  bool ok = false;
  sb_strbuf list = { 0 };
  sb_json_init(&j, text, strlen(text));
  assert_true(sb_json_object(&j));
  while (sb_json_key(&j, &key)) {
    if (sb_json_is(&key, "n"))
      assert_true(sb_json_int(&j, &n));
    else if (sb_json_is(&key, "x"))
      assert_true(sb_json_double(&j, &x));
    else if (sb_json_is(&key, "ok"))
      assert_true(sb_json_bool(&j, &ok));
    else if (sb_json_is(&key, "list") && sb_json_array(&j))
      while (sb_json_item(&j)) {
        assert_true(sb_json_string(&j, &item));
        sb_json_unescape(&item, &list);
      }
    else
      assert_true(sb_json_skip(&j));
  }
  assert_true(sb_json_done(&j));
  assert_int_equal(n, 42);
  assert_true(x == 2.5 && ok);
  assert_string_equal(list.data, "ab");
  sb_strbuf_deinit(&list);
}

static void a_value_of_another_type_fails_and_so_does_all_that_follows(void **state)
{
  (void)state;
  const char *text = "[1, true]";
  sb_json j;
  sb_json_string_t s;
  int64_t n;
  sb_json_init(&j, text, strlen(text));
  assert_true(sb_json_array(&j) && sb_json_item(&j));
  assert_false(sb_json_string(&j, &s));
  assert_false(sb_json_int(&j, &n));
  assert_int_equal(sb_json_peek(&j), SB_JSON_ERROR);
  assert_false(sb_json_item(&j));
  assert_false(sb_json_skip(&j));
  assert_false(sb_json_done(&j));
}

static bool read_int(const char *text, int64_t *value)
{
  sb_json j;
  size_t size = strlen(text);
  char *copy = exact(text, size);
  sb_json_init(&j, copy, size);
  bool ok = sb_json_int(&j, value) && sb_json_done(&j);
  free(copy);
  return ok;
}

static void integers_are_exact_to_64_bits_or_refused(void **state)
{
  (void)state;
  int64_t n = 0;
  assert_true(read_int("9223372036854775807", &n) && n == INT64_MAX);
  assert_true(read_int("-9223372036854775808", &n) && n == INT64_MIN);
  assert_true(read_int("12.0", &n) && n == 12);
  assert_true(read_int("1.5e3", &n) && n == 1500);
  assert_true(read_int("-0", &n) && n == 0);
  assert_false(read_int("9223372036854775808", &n));
  assert_false(read_int("-9223372036854775809", &n));
  assert_false(read_int("1.5", &n));
  assert_false(read_int("1e19", &n));
  assert_false(read_int("1e400", &n));
  assert_false(read_int("\"1\"", &n));
}

static void a_string_ends_at_its_quote_wherever_it_stands(void **state)
{
  (void)state;
  enum { SIZE = 20 };
  for (int at = 0; at < SIZE; at++)
    for (int byte = 0; byte < 256; byte++) {
      char text[SIZE + 2] = "\"", *content = text + 1;
      memset(content, 'a', SIZE);
      content[at] = (char)byte;
      content[SIZE] = '"';
      char *copy = exact(text, sizeof text);
      sb_json j;
      sb_json_string_t s;
      sb_json_init(&j, copy, sizeof text);
      bool sound = sb_json_string(&j, &s);
      assert_true(sound == (byte >= ' ' && byte != '\\')); /* a backslash before an a, or before the end */
      if (sound) {
        assert_int_equal(s.size, byte == '"' ? at : SIZE);
        assert_false(s.escaped);
      }
      free(copy);
    }
}

static void assert_unescapes(const char *json, const char *utf8, size_t size)
{
  sb_json j;
  sb_json_string_t s;
  sb_strbuf out = { 0 };
  sb_json_init(&j, json, strlen(json));
  assert_true(sb_json_string(&j, &s));
  sb_json_unescape(&s, &out);
  assert_int_equal(out.size, size);
  if (size)
    assert_memory_equal(out.data, utf8, size);
  sb_strbuf_deinit(&out);
}

static void escapes_become_utf8(void **state)
{
  (void)state;
  assert_unescapes("\"\"", "", 0);
  assert_unescapes("\"a\\n\\t\\r\\b\\f\\/\\\\\\\"z\"", "a\n\t\r\b\f/\\\"z", 10);
  assert_unescapes("\"\\u0041\\u00e9\\u20AC\\u0000\"", "A\xc3\xa9\xe2\x82\xac\0", 7);
  assert_unescapes("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4);
  assert_unescapes("\"\xe2\x82\xac\"", "\xe2\x82\xac", 3);
}

static void lone_surrogates_become_the_replacement_character(void **state)
{
  (void)state;
  assert_unescapes("\"\\ud83d\"", "\xef\xbf\xbd", 3);
  assert_unescapes("\"\\ude00x\"", "\xef\xbf\xbdx", 4);
  assert_unescapes("\"\\ud83d\\u0041\"",
                   "\xef\xbf\xbd"
                   "A",
                   4);
  assert_unescapes("\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4);
  assert_unescapes("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
}

static void an_escaped_key_never_equals_a_plain_name(void **state)
{
  (void)state;
  const char *text = "{\"a\\u0062\": 1}";
  sb_json j;
  sb_json_string_t key;
  sb_json_init(&j, text, strlen(text));
  assert_true(sb_json_object(&j) && sb_json_key(&j, &key));
  assert_true(key.escaped);
  assert_false(sb_json_is(&key, "ab"));
  assert_false(sb_json_is(&key, "a\\u0062"));
}

static const char *double_text(double value)
{
  static char text[64];
  sb_strbuf out = { 0 };
  sb_json_put_double(&out, value);
  snprintf(text, sizeof text, "%s", out.data);
  sb_strbuf_deinit(&out);
  return text;
}

/* What Python 3's json.dumps writes for the same doubles. */
static void doubles_are_spelled_as_python_spells_them(void **state)
{
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {
    { 0.0, "0.0" },
    { -0.0, "-0.0" },
    { 1.0, "1.0" },
    { -1.5, "-1.5" },
    { 0.1, "0.1" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1.0 / 3, "0.3333333333333333" },
    { 1e15, "1000000000000000.0" },
    { 1e16, "1e+16" },
    { 1e22, "1e+22" },
    { 123456789012345680.0, "1.2345678901234568e+17" },
    { 9007199254740993.0, "9007199254740992.0" },
    { 0.0001, "0.0001" },
    { 0.00001, "1e-05" },
    { 1.5e-7, "1.5e-07" },
    { 100.0, "100.0" },
    { 1e100, "1e+100" },
    { 0x1p-44, "5.684341886080802e-14" },
    { 0x1p-1017, "7.120236347223045e-307" },
    { 5e-324, "5e-324" },
    { 0x0.8p-1022, "1.1125369292536007e-308" },
    { DBL_MIN, "2.2250738585072014e-308" },
    { DBL_MAX, "1.7976931348623157e+308" },
    { 9.5e-323, "9.4e-323" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(double_text(cases[i].value), cases[i].text);
}

static void doubles_that_json_lacks_become_null(void **state)
{
  (void)state;
  assert_string_equal(double_text(NAN), "null");
  assert_string_equal(double_text(INFINITY), "null");
  assert_string_equal(double_text(-INFINITY), "null");
}

static void any_double_reads_back_the_same(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 6, 0);
  for (int i = 0; i < 20000; i++) {
    uint64_t bits = sb_rng_u64(&rng);
    if (i % 4 == 0)
      bits &= ~(UINT64_C(0x7ff) << 52); /* a subnormal */
    double value, back;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value))
      continue;
    const char *text = double_text(value);
    sb_json j;
    sb_json_init(&j, text, strlen(text));
    assert_true(sb_json_double(&j, &back) && sb_json_done(&j));
    assert_memory_equal(&back, &value, sizeof value);
  }
}

static void assert_puts(const char *text, size_t size, const char *json)
{
  sb_strbuf out = { 0 };
  sb_json_put_string(&out, text, size);
  assert_string_equal(out.data, json);
  sb_strbuf_deinit(&out);
}

static void strings_are_written_in_ascii(void **state)
{
  (void)state;
  assert_puts("", 0, "\"\"");
  assert_puts("a\"\\/\b\f\n\r\t\x01\x1f\x7f", 12, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  assert_puts("\0", 1, "\"\\u0000\"");
  assert_puts("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\\u00e9\\u20ac\\ud83d\\ude00\"");
}

static void integers_are_written_whole(void **state)
{
  (void)state;
  const int64_t values[] = { 0, 7, -7, 10, 4096, -1000000, INT64_MAX, INT64_MIN };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    sb_strbuf out = { 0 }, wanted = { 0 };
    sb_json_put_int(&out, values[i]);
    sb_strbuf_printf(&wanted, "%" PRId64, values[i]);
    assert_string_equal(out.data, wanted.data);
    sb_strbuf_deinit(&out);
    sb_strbuf_deinit(&wanted);
  }
}

/* Texts are looked at eight bytes at a time. */
static void a_byte_is_escaped_wherever_it_stands(void **state)
{
  (void)state;
  for (unsigned c = 1; c < 0x80; c++)
    for (size_t at = 0; at < 17; at++) {
      char text[18], plain[2] = { (char)c, '\0' };
      sb_strbuf wanted = { 0 }, byte = { 0 }, out = { 0 };
      memset(text, 'x', 17);
      text[at] = (char)c;
      sb_json_put_string(&byte, plain, 1);
      sb_json_put_string(&out, text, 17);
      sb_strbuf_printf(&wanted, "\"%.*s%.*s%.*s\"", (int)at, "xxxxxxxxxxxxxxxxx", (int)byte.size - 2,
                       byte.data + 1, (int)(16 - at), "xxxxxxxxxxxxxxxxx");
      assert_string_equal(wanted.data, out.data);
      bool plainly = c >= 0x20 && c != '"' && c != '\\';
      assert_int_equal(plainly, out.size == 19);
      sb_strbuf_deinit(&wanted);
      sb_strbuf_deinit(&byte);
      sb_strbuf_deinit(&out);
    }
}

static void invalid_utf8_is_replaced_byte_by_byte(void **state)
{
  (void)state;
  assert_puts("a\xff"
              "b",
              3, "\"a\\ufffdb\"");
  assert_puts("\xc3", 1, "\"\\ufffd\"");                                  /* cut */
  assert_puts("\xc0\x80", 2, "\"\\ufffd\\ufffd\"");                       /* overlong */
  assert_puts("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");            /* a surrogate */
  assert_puts("\xf4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* beyond U+10FFFF */
  assert_puts("\xe2\x28\xa1", 3, "\"\\ufffd(\\ufffd\"");
}

static void every_code_point_round_trips(void **state)
{
  (void)state;
  sb_strbuf json = { 0 }, back = { 0 }, want = { 0 };
  for (unsigned code = 0; code <= 0x10ffff; code += code < 0x900 ? 1 : 257) {
    if (code >= 0xd800 && code < 0xe000)
      continue;
    char escape[16];
    unsigned off = code - 0x10000;
    if (code < 0x10000)
      snprintf(escape, sizeof escape, "\\u%04x", code);
    else
      snprintf(escape, sizeof escape, "\\u%04x\\u%04x", 0xd800 + (off >> 10), 0xdc00 + (off & 0x3ff));
    sb_json_string_t s = { .raw = escape, .size = strlen(escape), .escaped = true };
    sb_strbuf_clear(&want);
    sb_strbuf_clear(&json);
    sb_strbuf_clear(&back);
    sb_json_unescape(&s, &want);
    sb_json_put_string(&json, want.data, want.size);
    sb_json j;
    sb_json_init(&j, json.data, json.size);
    assert_true(sb_json_string(&j, &s) && sb_json_done(&j));
    sb_json_unescape(&s, &back);
    assert_int_equal(back.size, want.size);
    assert_memory_equal(back.data, want.data, want.size);
  }
  sb_strbuf_deinit(&json);
  sb_strbuf_deinit(&back);
  sb_strbuf_deinit(&want);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_rfc_8259_allows_is_accepted),
    cmocka_unit_test(everything_else_is_refused),
    cmocka_unit_test(a_value_of_another_type_than_wanted_is_skipped),
    cmocka_unit_test(every_beginning_of_a_document_is_refused),
    cmocka_unit_test(nesting_has_a_limit_and_no_stack_overflow),
    cmocka_unit_test(a_document_is_walked_in_place),
    cmocka_unit_test(a_value_of_another_type_fails_and_so_does_all_that_follows),
    cmocka_unit_test(integers_are_exact_to_64_bits_or_refused),
    cmocka_unit_test(a_string_ends_at_its_quote_wherever_it_stands),
    cmocka_unit_test(escapes_become_utf8),
    cmocka_unit_test(lone_surrogates_become_the_replacement_character),
    cmocka_unit_test(an_escaped_key_never_equals_a_plain_name),
    cmocka_unit_test(doubles_are_spelled_as_python_spells_them),
    cmocka_unit_test(doubles_that_json_lacks_become_null),
    cmocka_unit_test(any_double_reads_back_the_same),
    cmocka_unit_test(strings_are_written_in_ascii),
    cmocka_unit_test(integers_are_written_whole),
    cmocka_unit_test(a_byte_is_escaped_wherever_it_stands),
    cmocka_unit_test(invalid_utf8_is_replaced_byte_by_byte),
    cmocka_unit_test(every_code_point_round_trips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
