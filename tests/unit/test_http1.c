#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http1.h"

/* What client and server read alike, and where the server is stricter. */

static sb_http1_slice slice(const char *text)
{
  return (sb_http1_slice){ text, strlen(text) };
}

static void assert_slice(sb_http1_slice got, const char *want)
{
  assert_int_equal(got.size, strlen(want));
  assert_memory_equal(got.data, want, got.size);
}

static void a_field_is_a_token_a_colon_and_a_value(void **state)
{
  (void)state;
  sb_http1_slice name, value;
  for (int strict = 0; strict <= 1; strict++) {
    assert_true(sb_http1_field(slice("X-Thing: \t some value \t"), strict, &name, &value));
    assert_slice(name, "X-Thing");
    assert_slice(value, "some value");
    assert_true(sb_http1_field(slice("Host:"), strict, &name, &value));
    assert_slice(value, "");
    assert_false(sb_http1_field(slice("no colon"), strict, &name, &value));
    assert_false(sb_http1_field(slice("Name : value"), strict, &name, &value));
    assert_false(sb_http1_field(slice(" folded: value"), strict, &name, &value));
    assert_false(sb_http1_field(slice(": value"), strict, &name, &value));
    assert_false(sb_http1_field((sb_http1_slice){ "X: a\0b", 6 }, strict, &name, &value));
    assert_int_equal(sb_http1_field(slice("X: a\x01"), strict, &name, &value), !strict);
  }
}

static void a_length_is_digits_alone(void **state)
{
  (void)state;
  uint64_t length;
  assert_true(sb_http1_length(slice("0"), &length));
  assert_int_equal(length, 0);
  assert_true(sb_http1_length(slice("1234567890123456789"), &length));
  assert_int_equal(length, 1234567890123456789);
  assert_true(sb_http1_length(slice("99999999999999999999"), &length));
  assert_true(length == UINT64_MAX);
  assert_true(sb_http1_length(slice("184467440737095516150"), &length)); /* ten times 2^64, near enough */
  assert_true(length == UINT64_MAX);
  static const char *const wrong[] = { "", "-1", "+1", "1 ", "1,1", "0x1" };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(sb_http1_length(slice(wrong[i]), &length));
}

static bool persists(const char *list, int minor)
{
  sb_http1_persistence persistence = { 0 };
  sb_http1_connection_field(&persistence, slice(list));
  return sb_http1_persists(&persistence, minor);
}

static void close_wins_and_http_1_0_must_ask_to_be_kept(void **state)
{
  (void)state;
  assert_true(persists("", 1));
  assert_false(persists("", 0));
  assert_true(persists(" TE,\tKeep-Alive ", 0));
  assert_false(persists("Close , keep-alive", 1));
  assert_true(persists("closed", 1));
  assert_false(persists("keep-alive,,close", 0));
}

/* Feeds `text` in pieces of one size; how the first line ends, and in *line where it is whole. */
static sb_http1_line read_line(sb_http1_lines *lines, const char *text, size_t piece, sb_http1_slice *line)
{
  size_t size = strlen(text), used;
  sb_http1_line got = SB_HTTP1_PART;
  for (size_t at = 0; at < size && got == SB_HTTP1_PART; at += used)
    got = sb_http1_read_line(lines, text + at, size - at < piece ? size - at : piece, &used, line);
  return got;
}

static void lines_end_in_cr_lf_and_strictly_in_nothing_else(void **state)
{
  (void)state;
  static const struct {
    const char *text, *line;
    bool strictly;
  } cases[] = {
    { "a: b\r\nc", "a: b", true }, { "\r\n", "", true },          { "a: b\n", "a: b", false },
    { "\n", "", false },           { "a\rb\r\n", "a\rb", false }, { "a\r\r\n", "a\r", false },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int strict = 0; strict <= 1; strict++)
      for (size_t piece = 1; piece <= 8; piece++) {
        sb_http1_lines lines = { .strict = strict };
        sb_http1_slice line;
        bool accepted = !strict || cases[i].strictly;
        for (int again = 0; again < 2; again++) { /* what was whole leaves nothing behind */
          assert_int_equal(read_line(&lines, cases[i].text, piece, &line),
                           accepted ? SB_HTTP1_LINE : SB_HTTP1_MALFORMED);
          if (accepted)
            assert_slice(line, cases[i].line);
        }
        sb_http1_lines_deinit(&lines);
      }
}

typedef struct decoding {
  sb_http1_chunks chunks;
  sb_strbuf data;
  size_t used;
} decoding;

static void decode(decoding *d, const char *text, size_t piece, bool strict)
{
  size_t size = strlen(text);
  *d = (decoding){ .chunks.strict = strict, .data = d->data };
  sb_strbuf_clear(&d->data);
  while (d->used < size && d->chunks.state < SB_HTTP1_CHUNKS_END) {
    sb_http1_slice data;
    size_t n = size - d->used < piece ? size - d->used : piece;
    d->used += sb_http1_chunks_feed(&d->chunks, text + d->used, n, &data);
    sb_strbuf_append(&d->data, data.data, data.size);
  }
}

/* `rest`: what the decoder leaves of the text; NULL: it refuses. */
typedef struct body {
  const char *text, *data, *rest, *strict_rest;
} body;

static const body bodies[] = {
  { "5\r\nhello\r\n0\r\n\r\nHTTP", "hello", "\r\nHTTP", "HTTP" },
  { "4;ext=1\r\nwiki\r\nA\r\n0123456789\r\n00\r\n\r\n", "wiki0123456789", "\r\n", "" },
  { "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", "\r\n", "" },
  { "2\nok\n0\n\n", "ok", "\n", NULL },
  { "2 \t\r\nok\r\n0 ;x\r\nX: y\r\n\r\n", "ok", "X: y\r\n\r\n", NULL },
  { "2;a\rb\r\nok\r\n0\r\n\r\n", "ok", "\r\n", NULL },
  { "2\r\nok\r\n0\r\nX: y\r\n\r\n", "ok", "X: y\r\n\r\n", NULL },
  { "2\r\nok\r\n0\r\n\rX", "ok", "\rX", NULL },
  { "x\r\n", "", NULL, NULL },
  { "\r\n", "", NULL, NULL },
  { ";x\r\n", "", NULL, NULL },
  { "5 5\r\nhello\r\n", "", NULL, NULL },
  { "5\rX", "", NULL, NULL },
  { "-1\r\n", "", NULL, NULL },
  { "3\r\nhello\r\n", "hel", NULL, NULL },
  { "3\r\nhel\rX", "hel", NULL, NULL },
  { "1000000000000000\r\n", "", NULL, NULL },
};

static void chunks_are_decoded_in_pieces_of_any_size(void **state)
{
  (void)state;
  decoding d = { 0 };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
    for (int strict = 0; strict <= 1; strict++)
      for (size_t piece = 1; piece <= strlen(bodies[i].text); piece++) {
        const char *rest = strict ? bodies[i].strict_rest : bodies[i].rest;
        decode(&d, bodies[i].text, piece, strict);
        if (d.chunks.state != (rest ? SB_HTTP1_CHUNKS_END : SB_HTTP1_CHUNKS_REFUSED))
          fail_msg("state %d, strict %d, pieces of %zu: %s", d.chunks.state, strict, piece, bodies[i].text);
        if (rest) {
          assert_string_equal(bodies[i].text + d.used, rest);
          assert_int_equal(d.data.size, strlen(bodies[i].data));
        } else {
          assert_non_null(d.chunks.reason);
        }
        if (d.data.size)
          assert_memory_equal(d.data.data, bodies[i].data, d.data.size);
      }
  sb_strbuf_deinit(&d.data);
}

static void an_extension_has_a_limit(void **state)
{
  (void)state;
  for (int strict = 0; strict <= 1; strict++)
    for (size_t beyond = 0; beyond <= 1; beyond++) {
      size_t size = (strict ? 256 : SB_HTTP1_MAX_LINE - 1) + beyond; /* leniently the CR counts */
      sb_strbuf text = { 0 };
      decoding d = { 0 };
      sb_strbuf_puts(&text, "2;");
      for (size_t i = 0; i < size; i++)
        sb_strbuf_putc(&text, 'x');
      sb_strbuf_puts(&text, "\r\nok");
      decode(&d, text.data, text.size, strict);
      assert_int_equal(d.chunks.state, beyond ? SB_HTTP1_CHUNKS_REFUSED : SB_HTTP1_DATA_CR);
      sb_strbuf_deinit(&text);
      sb_strbuf_deinit(&d.data);
    }
}

static void a_refusal_says_what_is_wrong(void **state)
{
  (void)state;
  static const struct {
    const char *text, *reason;
  } refused[] = {
    { "x\r\n", "not a hexadecimal number" }, { "2;a\nok", "does not end in CR LF" },
    { "2\r\nokay", "longer than its size" }, { "0\r\nX: y\r\n", "trailers" },
    { "1000000000000000\r\n", "too large" },
  };
  decoding d = { 0 };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    decode(&d, refused[i].text, 1, true);
    assert_int_equal(d.chunks.state, SB_HTTP1_CHUNKS_REFUSED);
    assert_non_null(strstr(d.chunks.reason, refused[i].reason));
  }
  sb_strbuf_deinit(&d.data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_field_is_a_token_a_colon_and_a_value),
    cmocka_unit_test(a_length_is_digits_alone),
    cmocka_unit_test(close_wins_and_http_1_0_must_ask_to_be_kept),
    cmocka_unit_test(lines_end_in_cr_lf_and_strictly_in_nothing_else),
    cmocka_unit_test(chunks_are_decoded_in_pieces_of_any_size),
    cmocka_unit_test(an_extension_has_a_limit),
    cmocka_unit_test(a_refusal_says_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
