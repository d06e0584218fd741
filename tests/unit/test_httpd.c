#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/httpd.h"

/* The server, its client in the same thread: bytes are sent, then the loop runs until the answer is there. */

typedef struct server {
  uv_loop_t loop;
  sb_httpd *httpd;
  sb_httpd_conn *held; /* a request to /hold, not yet answered */
  int requests, aborted, drained;
} server;

static void on_request(void *context, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  server *s = context;
  s->requests++;
  if (!strcmp(request->path, "/hold")) {
    s->held = conn;
    return;
  }
  char body[64];
  int n = snprintf(body, sizeof body, "%s %s %zu", request->method, request->path, request->body.size);
  sb_httpd_respond(conn, 200, "text/plain", "", body, (size_t)n);
}

static void on_abort(void *context, sb_httpd_conn *conn)
{
  server *s = context;
  assert_ptr_equal(conn, s->held);
  s->held = NULL;
  s->aborted++;
}

static void on_drain(void *context, sb_httpd_conn *conn)
{
  server *s = context;
  assert_ptr_equal(conn, s->held);
  s->drained++;
}

static int set_up(void **state)
{
  signal(SIGPIPE, SIG_IGN);
  server *s = sb_calloc(1, sizeof *s);
  sb_err err;
  assert_int_equal(uv_loop_init(&s->loop), 0);
  s->httpd = sb_httpd_new(&s->loop, &(sb_httpd_handler){ on_request, on_abort, on_drain, s });
  assert_int_equal(sb_httpd_bind(s->httpd, "127.0.0.1", 0, &err), 0);
  assert_int_equal(sb_httpd_listen(s->httpd, &err), 0);
  *state = s;
  return 0;
}

static int tear_down(void **state)
{
  server *s = *state;
  sb_httpd_free(s->httpd);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&s->loop), 0);
  free(s);
  return 0;
}

static int client(server *s, const char *text)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)sb_httpd_port(s->httpd)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
  return fd;
}

/* Runs the loop until what the client has received so far ends in `ending` (NULL: until it is closed). */
static void expect(server *s, int fd, sb_strbuf *got, const char *ending)
{
  char part[65536];
  for (;;) {
    uv_run(&s->loop, UV_RUN_NOWAIT);
    ssize_t n = recv(fd, part, sizeof part, MSG_DONTWAIT);
    if (n > 0)
      sb_strbuf_append(got, part, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
      break;
    size_t size = ending ? strlen(ending) : 0;
    if (ending && got->size >= size && !memcmp(got->data + got->size - size, ending, size))
      return;
  }
  if (ending)
    fail_msg("closed before '%s': %s", ending, got->data ? got->data : "(nothing)");
}

static void test_answers_pipelined_requests_in_order(void **state)
{
  server *s = *state;
  sb_strbuf got = { 0 };
  int fd = client(s, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                     "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                     "HEAD /3 HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(s, fd, &got, "GET /4 0");
  const char *one = strstr(got.data, "\r\n\r\nGET /1 0HTTP/1.1 200");
  const char *two = strstr(got.data, "POST /2 3HTTP/1.1");
  assert_non_null(one);
  assert_non_null(two);
  assert_true(one < two);
  assert_null(strstr(got.data, "HEAD /3")); /* a HEAD's answer has the length but not the body */
  assert_int_equal(s->requests, 4);
  close(fd);
  sb_strbuf_deinit(&got);
}

static void test_is_strict_from_the_first_request_on(void **state)
{
  server *s = *state;
  static const char *const texts[] = { "GET / HTTP/1.1\nHost: h\n\n",
                                       "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\nHost: h\n\n" };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    sb_strbuf got = { 0 };
    int fd = client(s, texts[i]);
    expect(s, fd, &got, NULL);
    assert_non_null(strstr(got.data, "HTTP/1.1 400 "));
    assert_int_equal(s->requests, i);
    close(fd);
    sb_strbuf_deinit(&got);
  }
}

static void test_holds_pipelined_requests_back_while_one_is_answered(void **state)
{
  server *s = *state;
  sb_strbuf got = { 0 };
  int fd = client(s, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  while (!s->held)
    uv_run(&s->loop, UV_RUN_ONCE);
  sb_httpd_begin(s->held, 200, "text/plain", -1);
  sb_httpd_body(s->held, "first piece, longer than 15", 27);
  assert_int_equal(sb_httpd_flush(s->held), 0);
  expect(s, fd, &got, "\r\n1b\r\nfirst piece, longer than 15\r\n");
  assert_int_equal(s->requests, 1);
  sb_httpd_last(s->held);
  assert_int_equal(sb_httpd_flush(s->held), 0);
  sb_httpd_done(s->held);
  expect(s, fd, &got, "GET /next 0");
  assert_non_null(strstr(got.data, "15\r\n0\r\n\r\nHTTP/1.1 200"));
  close(fd);
  sb_strbuf_deinit(&got);
}

static void test_says_continue_before_a_body(void **state)
{
  server *s = *state;
  sb_strbuf got = { 0 };
  int fd = client(s, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  expect(s, fd, &got, "HTTP/1.1 100 Continue\r\n\r\n");
  assert_int_equal(s->requests, 0);
  assert_int_equal(send(fd, "ok", 2, 0), 2);
  expect(s, fd, &got, "POST / 2");
  close(fd);
  sb_strbuf_deinit(&got);
}

static void test_closes_after_a_refused_request_and_where_asked_to(void **state)
{
  server *s = *state;
  sb_strbuf got = { 0 };
  int fd = client(s, "nonsense\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(s, fd, &got, NULL);
  assert_int_equal(strncmp(got.data, "HTTP/1.1 400 ", 13), 0);
  assert_non_null(strstr(got.data, "connection: close\r\n"));
  assert_int_equal(s->requests, 0);
  close(fd);
  static const char *const closing[] = { "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                                         "GET / HTTP/1.0\r\n\r\n" };
  for (int i = 0; i < 2; i++) {
    sb_strbuf_clear(&got);
    fd = client(s, closing[i]);
    expect(s, fd, &got, NULL);
    assert_non_null(strstr(got.data, "GET / 0"));
    close(fd);
  }
  sb_strbuf_deinit(&got);
}

static void test_streams_to_http_1_0_without_chunks(void **state)
{
  server *s = *state;
  sb_strbuf got = { 0 };
  int fd = client(s, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  while (!s->held)
    uv_run(&s->loop, UV_RUN_ONCE);
  sb_httpd_begin(s->held, 200, "text/plain", -1);
  sb_httpd_body(s->held, "plain", 5);
  sb_httpd_last(s->held);
  assert_int_equal(sb_httpd_flush(s->held), 0);
  sb_httpd_done(s->held);
  expect(s, fd, &got, NULL);
  const char *head_end = strstr(got.data, "connection: close\r\n\r\n");
  assert_non_null(head_end);
  assert_string_equal(strstr(head_end, "\r\n\r\n") + 4, "plain");
  close(fd);
  sb_strbuf_deinit(&got);
}

static void test_tells_when_the_client_goes_away(void **state)
{
  server *s = *state;
  int fd = client(s, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  while (!s->held)
    uv_run(&s->loop, UV_RUN_ONCE);
  close(fd);
  while (!s->aborted)
    uv_run(&s->loop, UV_RUN_ONCE);
  assert_int_equal(s->aborted, 1);
}

static void test_queues_for_a_slow_client_and_tells_when_it_caught_up(void **state)
{
  server *s = *state;
  sb_strbuf got = { 0 };
  enum { PIECE = 1 << 20, PIECES = 24 };
  char *piece = sb_alloc(PIECE);
  memset(piece, 'x', PIECE);
  int fd = client(s, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  while (!s->held)
    uv_run(&s->loop, UV_RUN_ONCE);
  sb_httpd_begin(s->held, 200, "text/plain", (long long)PIECES * PIECE);
  int rc = 0;
  for (int i = 0; i < PIECES; i++) {
    sb_httpd_body(s->held, piece, PIECE);
    rc = sb_httpd_flush(s->held);
    assert_true(rc >= 0);
  }
  assert_int_equal(rc, 1);
  assert_true(sb_httpd_backlog(s->httpd) > 0);
  assert_int_equal(s->drained, 0);
  while (!s->drained) {
    uv_run(&s->loop, UV_RUN_NOWAIT);
    ssize_t n = recv(fd, piece, PIECE, MSG_DONTWAIT);
    if (n > 0)
      sb_strbuf_append(&got, piece, (size_t)n);
  }
  assert_int_equal(sb_httpd_backlog(s->httpd), 0);
  sb_httpd_done(s->held);
  assert_int_equal(send(fd, "GET /5 HTTP/1.1\r\nHost: h\r\n\r\n", 28, 0), 28);
  expect(s, fd, &got, "GET /5 0");
  const char *body = strstr(got.data, "\r\n\r\n") + 4;
  assert_int_equal(strspn(body, "x"), (size_t)PIECES * PIECE);
  assert_int_equal(s->drained, 1);
  close(fd);
  free(piece);
  sb_strbuf_deinit(&got);
}

static void test_gives_up_a_client_that_is_far_behind(void **state)
{
  server *s = *state;
  enum { PIECE = 8 << 20 };
  char *piece = sb_calloc(1, PIECE);
  int fd = client(s, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  while (!s->held)
    uv_run(&s->loop, UV_RUN_ONCE);
  sb_httpd_begin(s->held, 200, "text/plain", -1);
  int rc = 0;
  for (int i = 0; i < 20 && rc >= 0; i++) {
    sb_httpd_body(s->held, piece, PIECE);
    rc = sb_httpd_flush(s->held);
  }
  assert_int_equal(rc, SB_EIO);
  sb_httpd_drop(s->held);
  close(fd);
  free(piece);
}

static void test_refuses_addresses_it_cannot_bind(void **state)
{
  server *s = *state;
  sb_err err;
  sb_httpd *second = sb_httpd_new(&s->loop, &(sb_httpd_handler){ on_request, on_abort, on_drain, s });
  assert_int_equal(sb_httpd_bind(second, "localhost:80", 0, &err), SB_EINVAL);
  int rc = sb_httpd_bind(second, "127.0.0.1", sb_httpd_port(s->httpd), &err);
  if (rc == 0)
    rc = sb_httpd_listen(second, &err); /* libuv reports an address in use when listening */
  assert_int_equal(rc, SB_EIO);
  assert_int_equal(err.sys_errno, EADDRINUSE);
  sb_httpd_free(second);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH_SERVER(test_answers_pipelined_requests_in_order),
    WITH_SERVER(test_is_strict_from_the_first_request_on),
    WITH_SERVER(test_holds_pipelined_requests_back_while_one_is_answered),
    WITH_SERVER(test_says_continue_before_a_body),
    WITH_SERVER(test_closes_after_a_refused_request_and_where_asked_to),
    WITH_SERVER(test_streams_to_http_1_0_without_chunks),
    WITH_SERVER(test_tells_when_the_client_goes_away),
    WITH_SERVER(test_queues_for_a_slow_client_and_tells_when_it_caught_up),
    WITH_SERVER(test_gives_up_a_client_that_is_far_behind),
    WITH_SERVER(test_refuses_addresses_it_cannot_bind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
