#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "net/httpd_parser.h"

static void parse(sb_httpd_parser *p, const char *text, size_t size, size_t piece)
{
  sb_httpd_parser_init(p);
  for (size_t at = 0; at < size && p->state < SB_HTTPD_COMPLETE;) {
    size_t n = size - at < piece ? size - at : piece;
    at += sb_httpd_parser_feed(p, text + at, n);
  }
}

static int status_of(const char *text)
{
  sb_httpd_parser p;
  parse(&p, text, strlen(text), strlen(text));
  int status = p.state == SB_HTTPD_COMPLETE ? 0 : p.state == SB_HTTPD_REFUSED ? p.status : -1;
  if (status > 0)
    assert_non_null(p.reason);
  sb_httpd_parser_deinit(&p);
  return status;
}

static void test_reads_a_request_in_pieces_of_any_size(void **state)
{
  (void)state;
  static const char text[] = "\r\nPOST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Thing: \t some value \t\r\n"
                             "Transfer-Encoding: Chunked\r\n\r\n"
                             "4;ext=1\r\nwiki\r\nA\r\n0123456789\r\n0\r\n\r\n";
  for (size_t piece = 1; piece <= sizeof text; piece++) {
    sb_httpd_parser p;
    parse(&p, text, sizeof text - 1, piece);
    assert_int_equal(p.state, SB_HTTPD_COMPLETE);
    assert_string_equal(p.method, "POST");
    assert_string_equal(p.path, "/v1/x");
    assert_string_equal(p.query, "a=b");
    assert_string_equal(sb_httpd_parser_header(&p, "x-thing"), "some value");
    assert_null(sb_httpd_parser_header(&p, "x-other"));
    assert_string_equal(p.body.data, "wiki0123456789");
    assert_true(p.keep_alive);
    sb_httpd_parser_deinit(&p);
  }
}

static void test_takes_no_byte_of_the_next_request(void **state)
{
  (void)state;
  static const char text[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.1\r\n";
  sb_httpd_parser p;
  sb_httpd_parser_init(&p);
  size_t used = sb_httpd_parser_feed(&p, text, sizeof text - 1);
  assert_int_equal(p.state, SB_HTTPD_COMPLETE);
  assert_string_equal(text + used, "GET / HTTP/1.1\r\n");
  sb_httpd_parser_deinit(&p);
}

static void test_accepts_what_is_right(void **state)
{
  (void)state;
  assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
  assert_int_equal(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
  assert_int_equal(status_of("GET / HTTP/1.0\r\n\r\n"), 0);
  assert_int_equal(status_of("\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"), 0);
  assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), 0);
  assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: h\r\n"), -1);
}

static void test_refuses_what_is_doubtful(void **state)
{
  (void)state;
  static const struct {
    int status;
    const char *text;
  } cases[] = {
    { 400, "GET /\r\n\r\n" },
    { 400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n" },
    { 400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n" },
    { 400, "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n" },
    { 400, "GET /a\x80 HTTP/1.1\r\nHost: h\r\n\r\n" },
    { 400, "GET / FTP/1.1\r\nHost: h\r\n\r\n" },
    { 505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n" },
    { 400, "GET / HTTP/1.1\nHost: h\n\n" },
    { 400, "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n folded\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: h\r\nX: \x01\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nx" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx" },
    { 413, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { 501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" },
    { 417, "POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n" },
    { 413, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" },
    { 413, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1ffffffff\r\n" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (status_of(cases[i].text) != cases[i].status)
      fail_msg("%d instead of %d for: %s", status_of(cases[i].text), cases[i].status, cases[i].text);
}

static void test_limits_the_head(void **state)
{
  (void)state;
  sb_strbuf text = { 0 };
  sb_strbuf_puts(&text, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
  while (text.size <= SB_HTTPD_MAX_HEAD)
    sb_strbuf_putc(&text, 'x');
  assert_int_equal(status_of(text.data), 431);
  sb_strbuf_clear(&text);
  sb_strbuf_puts(&text, "GET / HTTP/1.1\r\n");
  for (int i = 0; i <= SB_HTTPD_MAX_HEADERS; i++)
    sb_strbuf_printf(&text, "X-%d: y\r\n", i);
  sb_strbuf_puts(&text, "\r\n");
  assert_int_equal(status_of(text.data), 431);
  sb_strbuf_deinit(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reads_a_request_in_pieces_of_any_size),
    cmocka_unit_test(test_takes_no_byte_of_the_next_request),
    cmocka_unit_test(test_accepts_what_is_right),
    cmocka_unit_test(test_refuses_what_is_doubtful),
    cmocka_unit_test(test_limits_the_head),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
