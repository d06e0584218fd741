#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/response.h"

/* HTTP answers, however their bytes are cut. */

typedef struct answer {
  const char *text;
  int status;
  const char *body;
  bool keep_alive;
  size_t left_over;   /* bytes after its end */
  const char *reason; /* part of it; NULL: complete */
  bool to_head, ends; /* it answers a HEAD; the connection ends after it */
} answer;

typedef struct reading {
  sb_response response;
  sb_strbuf body;
  size_t used;
} reading;

static void feed(reading *r, const char *text, size_t size)
{
  char *piece = sb_alloc(size); /* of exactly its size: a read past it is seen */
  sb_response_body body;
  memcpy(piece, text, size);
  r->used += sb_response_feed(&r->response, piece, size, &body);
  sb_strbuf_append(&r->body, body.data ? body.data : "", body.size);
  free(piece);
}

static void check(reading *r, const answer *want)
{
  if (want->ends)
    sb_response_end(&r->response);
  const sb_response *got = &r->response;
  if (want->reason) {
    assert_int_equal(got->state, SB_RESPONSE_REFUSED);
    assert_non_null(strstr(got->reason, want->reason));
  } else {
    assert_int_equal(got->state, SB_RESPONSE_COMPLETE);
    assert_int_equal(got->status, want->status);
    assert_int_equal(got->keep_alive, want->keep_alive);
    assert_int_equal(r->used, strlen(want->text) - want->left_over);
  }
  if (want->body)
    assert_string_equal(r->body.data, want->body);
  sb_response_reset(&r->response, want->to_head);
  sb_strbuf_clear(&r->body);
  r->used = 0;
}

/* Whole, cut in two anywhere, and byte by byte. */
static void check_all(const answer *answers, size_t count)
{
  reading r = { 0 };
  for (size_t i = 0; i < count; i++) {
    const char *text = answers[i].text;
    size_t size = strlen(text);
    for (size_t cut = 0; cut < size; cut++) {
      sb_response_reset(&r.response, answers[i].to_head);
      feed(&r, text, cut);
      feed(&r, text + cut, size - cut);
      check(&r, &answers[i]);
    }
    for (size_t at = 0; at < size; at++)
      feed(&r, text + at, 1);
    check(&r, &answers[i]);
  }
  sb_response_deinit(&r.response);
  sb_strbuf_deinit(&r.body);
}

#define READ(text, status, body, keep_alive) { text, status, body, keep_alive, 0, NULL, false, false }
#define REFUSED(text, body, reason) { text, 0, body, false, 0, reason, false, false }
#define ENDED(text, body, reason) { text, 0, body, false, 0, reason, false, true }
#define CHECK_ALL(list) check_all(list, sizeof list / sizeof *list)
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED_HEAD OK "Transfer-Encoding: chunked\r\n\r\n"

static void bodies_of_known_length(void **state)
{
  (void)state;
  static const answer answers[] = {
    READ(OK "Content-Length: 5\r\n\r\nhello", 200, "hello", true),
    READ(OK "content-length:5  \r\n\r\nhello", 200, "hello", true),
    { OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nxHTTP", 200, "x", true, 4, NULL, false, false },
    READ(OK "Content-Length: 0\r\n\r\n", 200, "", true),
    READ("HTTP/1.1 200\nContent-Length: 2\n\nok", 200, "ok", true),
    READ("HTTP/1.1 503 \r\nContent-Length: 2\r\n\r\nno", 503, "no", true),
  };
  CHECK_ALL(answers);
}

static void chunked_bodies_are_joined(void **state)
{
  (void)state;
  static const answer answers[] = {
    READ(CHUNKED_HEAD "5\r\nhello\r\n0\r\n\r\n", 200, "hello", true),
    { CHUNKED_HEAD "1\r\na\r\n2;x=y\r\nbc\r\n00A \r\n0123456789\r\n0\r\n\r\nHTTP", 200, "abc0123456789", true,
      4, NULL, false, false },
    READ(CHUNKED_HEAD "4\r\n\r\n\r\n\r\n0\r\nX-Sum: 1\r\nX: \r\n\r\n", 200, "\r\n\r\n", true),
    READ(CHUNKED_HEAD "2\nok\n0\n\n", 200, "ok", true),
    READ(CHUNKED_HEAD "0\r\n\r\n", 200, "", true),
    /* a length beside chunks: the chunks count, and the connection is not used again */
    READ(OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", false),
  };
  CHECK_ALL(answers);
}

static void answers_without_a_body(void **state)
{
  (void)state;
  static const answer answers[] = {
    READ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
    READ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, "", true),
    { OK "Content-Length: 7\r\n\r\n", 200, "", true, 0, NULL, true, false },
    { CHUNKED_HEAD, 200, "", true, 0, NULL, true, false },
  };
  CHECK_ALL(answers);
}

static void a_connection_is_kept_where_both_sides_say_so(void **state)
{
  (void)state;
  static const answer answers[] = {
    READ(OK "Connection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false),
    READ(OK "Connection: TE , Close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false),
    READ(OK "Connection: closed\r\nContent-Length: 1\r\n\r\nx", 200, "x", true),
    READ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false),
    READ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", 200, "x", true),
    { OK "\r\nuntil it closes", 200, "until it closes", false, 0, NULL, false, true },
    { OK "\r\n", 200, "", false, 0, NULL, false, true },
  };
  CHECK_ALL(answers);
}

static void interim_answers_are_read_over(void **state)
{
  (void)state;
  static const answer answers[] = {
    READ("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", 200, "x", true),
    READ("HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nConnection: close\r\n\r\nHTTP/1.1 102 "
         "P\r\n\r\n" CHUNKED_HEAD "1\r\nx\r\n0\r\n\r\n",
         200, "x", true),
  };
  CHECK_ALL(answers);
}

static void what_is_doubtful_is_refused(void **state)
{
  (void)state;
  static const answer answers[] = {
    REFUSED("HTTP/2 200 OK\r\n\r\n", "", "status line"),
    REFUSED("HTTP/1.1 20 OK\r\n\r\n", "", "status line"),
    REFUSED("HTTP/1.1 099 OK\r\n\r\n", "", "status line"),
    REFUSED("HTTP/1.1 2000 OK\r\n\r\n", "", "status line"),
    REFUSED("http/1.1 200 OK\r\n\r\n", "", "status line"),
    REFUSED("\r\n" OK "\r\n", "", "status line"),
    REFUSED("HTTP/1.1 101 Switching Protocols\r\n\r\n", "", "switched protocols"),
    REFUSED(OK "no colon\r\n\r\n", "", "Name: value"),
    REFUSED(OK "Content-Length : 5\r\n\r\nhello", "", "Name: value"),
    REFUSED(OK "A: b\r\n folded\r\n\r\n", "", "Name: value"),
    REFUSED(OK ": empty\r\n\r\n", "", "Name: value"),
    REFUSED(OK "Content-Length: -1\r\n\r\n", "", "Content-Length"),
    REFUSED(OK "Content-Length: 1, 1\r\n\r\nx", "", "Content-Length"),
    REFUSED(OK "Content-Length:\r\n\r\n", "", "Content-Length"),
    REFUSED(OK "Content-Length: 99999999999999999999\r\n\r\n", "", "Content-Length"),
    REFUSED(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "", "differ"),
    REFUSED(OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "", "chunked"),
    REFUSED(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "", "chunked"),
    REFUSED(CHUNKED_HEAD "x\r\n", "", "hexadecimal"),
    REFUSED(CHUNKED_HEAD "\r\n", "", "hexadecimal"),
    REFUSED(CHUNKED_HEAD "5 5\r\nhello", "", "hexadecimal"),
    REFUSED(CHUNKED_HEAD "1000000000000000\r\n", "", "too large"),
    REFUSED(CHUNKED_HEAD "3\r\nhello\r\n0\r\n\r\n", "hel", "longer"),
    REFUSED(CHUNKED_HEAD "0\r\nno trailer\r\n\r\n", "", "Name: value"),
  };
  CHECK_ALL(answers);
}

static void an_end_too_early_is_refused(void **state)
{
  (void)state;
  static const answer answers[] = {
    ENDED(OK "Content-Length: 5\r\n\r\nhell", "hell", "before the answer was complete"),
    ENDED(CHUNKED_HEAD "5\r\nhello\r\n", "hello", "before the answer was complete"),
    ENDED(CHUNKED_HEAD "5\r\nhello\r\n0\r\n", "hello", "before the answer was complete"),
    ENDED(OK "Content-Len", "", "before the answer was complete"),
    ENDED("H", "", "before the answer was complete"),
  };
  CHECK_ALL(answers);
  sb_response nothing = { 0 };
  sb_response_reset(&nothing, false);
  sb_response_end(&nothing);
  assert_int_equal(nothing.state, SB_RESPONSE_REFUSED);
  assert_non_null(strstr(nothing.reason, "without an answer"));
  sb_response_deinit(&nothing);
}

static void the_body_stays_where_it_was_received(void **state)
{
  (void)state;
  char text[] = CHUNKED_HEAD "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
  sb_response response = { 0 };
  sb_response_body body;
  sb_response_reset(&response, false);
  sb_response_feed(&response, text, sizeof text - 1, &body);
  assert_ptr_equal(body.data, text + sizeof CHUNKED_HEAD - 1 + 3);
  assert_int_equal(body.size, 6);
  assert_memory_equal(body.data, "abcdef", 6);
  sb_response_deinit(&response);
}

static void the_content_type_is_kept(void **state)
{
  (void)state;
  static const char head[] = OK "CONTENT-TYPE: \t text/event-stream; charset=utf-8 \r\nX: y\r\n";
  reading r = { 0 };
  sb_response_reset(&r.response, false);
  assert_false(r.response.begun);
  feed(&r, head, strlen(head));
  assert_true(r.response.begun);
  assert_string_equal(r.response.content_type, "text/event-stream; charset=utf-8");
  sb_response_reset(&r.response, false);
  feed(&r, "HTTP/1.1 200 OK\r\nContent-Type: ", 31);
  for (int i = 0; i < 300; i++)
    feed(&r, "x", 1);
  feed(&r, "\r\n", 2);
  assert_int_equal(strlen(r.response.content_type), sizeof r.response.content_type - 1);
  sb_response_deinit(&r.response);
  sb_strbuf_deinit(&r.body);
}

static void feed_lines(reading *r, const char *line, size_t count)
{
  for (size_t i = 0; i < count && r->response.state != SB_RESPONSE_REFUSED; i++)
    feed(r, line, strlen(line));
}

static void a_head_without_end_is_refused(void **state)
{
  (void)state;
  reading r = { 0 };
  sb_response_reset(&r.response, false);
  feed(&r, OK, strlen(OK));
  feed_lines(&r, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", SB_HTTP1_MAX_LINE / 32 + 1);
  assert_int_equal(r.response.state, SB_RESPONSE_REFUSED);
  assert_non_null(strstr(r.response.reason, "too long"));
  static const char *const lines[] = { "X-Header: xxxxxxxxxxxxxxxxxxxx\r\n",
                                       "HTTP/1.1 100 Continue\r\nX: 123\r\n\r\n" };
  for (int i = 0; i < 2; i++) {
    sb_response_reset(&r.response, false);
    if (i == 0)
      feed(&r, OK, strlen(OK));
    feed_lines(&r, lines[i], SB_RESPONSE_MAX_HEAD / 32 + 1);
    assert_int_equal(r.response.state, SB_RESPONSE_REFUSED);
    assert_non_null(strstr(r.response.reason, "too large"));
  }
  sb_response_deinit(&r.response);
  sb_strbuf_deinit(&r.body);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bodies_of_known_length),
    cmocka_unit_test(chunked_bodies_are_joined),
    cmocka_unit_test(answers_without_a_body),
    cmocka_unit_test(a_connection_is_kept_where_both_sides_say_so),
    cmocka_unit_test(interim_answers_are_read_over),
    cmocka_unit_test(what_is_doubtful_is_refused),
    cmocka_unit_test(an_end_too_early_is_refused),
    cmocka_unit_test(the_body_stays_where_it_was_received),
    cmocka_unit_test(the_content_type_is_kept),
    cmocka_unit_test(a_head_without_end_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
