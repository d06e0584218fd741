#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "http_fixture.h"
#include "net/http.h"
#include "net/loop.h"

typedef struct world {
  sb_loop *loop;
  sb_http *http;
  http_fixture *server;
} world;

/* A request and what became of it. */
typedef struct exchange {
  world *w;
  sb_http_request *request;
  sb_strbuf body;
  int pieces, ends, status_seen;
  int64_t t_last;
  bool times_went_back;
  sb_http_result result;
  char error[256], type[64];
  struct exchange *then;    /* started by this one's on_done */
  struct exchange *cancels; /* cancelled by this one's on_done */
} exchange;

static void begin(exchange *x, sb_http_call call);

static void on_data(void *context, int status, const char *data, size_t size, int64_t t_ns)
{
  exchange *x = context;
  sb_strbuf_append(&x->body, data, size);
  x->pieces++;
  x->status_seen = status;
  x->times_went_back = x->times_went_back || t_ns < x->t_last;
  x->t_last = t_ns;
}

static void on_done(void *context, const sb_http_result *result)
{
  exchange *x = context;
  x->ends++;
  x->request = NULL;
  x->result = *result;
  snprintf(x->error, sizeof x->error, "%s", result->error ? result->error : "");
  snprintf(x->type, sizeof x->type, "%s", result->content_type ? result->content_type : "");
  if (x->cancels && x->cancels->request) {
    sb_http_cancel(x->cancels->request);
    x->cancels->request = NULL;
  }
  if (x->then)
    begin(x->then, (sb_http_call){ .url = http_fixture_url(x->w->server) });
}

static void begin(exchange *x, sb_http_call call)
{
  sb_err err = { 0 };
  call.on_data = on_data;
  call.on_done = on_done;
  call.context = x;
  x->request = sb_http_start(x->w->http, &call, &err);
  if (!x->request)
    fail_msg("%s", err.text);
  assert_int_equal(x->ends, 0); /* never from inside start */
}

/* One turn of the loop, which must not be left with nothing to wait for while `goal` is not reached. */
static void step_towards(world *w, const int *goal)
{
  bool alive = sb_loop_step(w->loop);
  assert_true(alive || *goal);
}

static void run_until_ended(exchange *x)
{
  while (!x->ends)
    step_towards(x->w, &x->ends);
}

static void get(exchange *x)
{
  begin(x, (sb_http_call){ .url = http_fixture_url(x->w->server) });
  run_until_ended(x);
}

static void assert_body(const exchange *x, const char *want)
{
  assert_int_equal(x->body.size, strlen(want));
  if (x->body.size)
    assert_string_equal(x->body.data, want);
}

static world open_world(size_t count, const char *const *answers)
{
  sb_err err = { 0 };
  world w = { .loop = sb_loop_new() };
  assert_non_null(w.loop);
  w.http = sb_http_new(sb_loop_uv(w.loop), &err);
  assert_non_null(w.http);
  w.server = http_fixture_start(count, answers);
  return w;
}

#define WORLD(...)                                            \
  static const char *const answers[] = { __VA_ARGS__ };       \
  world w = open_world(sizeof answers / sizeof *answers, answers)

static void close_world(world *w)
{
  sb_http_free(w->http);
  sb_loop_free(w->loop);
  http_fixture_stop(w->server);
}

static void an_answer_arrives_with_status_type_and_times(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "hello");
  exchange x = { .w = &w };
  int64_t before = sb_clock_now();
  get(&x);
  assert_int_equal(x.result.code, SB_OK);
  assert_int_equal(x.result.status, 200);
  assert_int_equal(x.status_seen, 200);
  assert_string_equal(x.type, "text/plain");
  assert_body(&x, "hello");
  assert_true(before <= x.result.t_send_ns && x.result.t_send_ns <= x.result.t_first_byte_ns);
  assert_true(x.result.t_first_byte_ns <= x.result.t_done_ns && x.result.t_done_ns <= sb_clock_now());
  assert_int_equal(x.ends, 1);
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void pieces_are_passed_on_as_they_come(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED PAUSE "one" PAUSE "two" PAUSE "three" PAUSE);
  exchange x = { .w = &w };
  get(&x);
  assert_int_equal(x.pieces, 3);
  assert_false(x.times_went_back);
  assert_body(&x, "onetwothree");
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void bytes_that_come_one_by_one_are_the_same_answer(void **state)
{
  (void)state;
  WORLD(DRIBBLE OK_HEAD CHUNKED "hello" "" PAUSE " world");
  exchange x = { .w = &w };
  get(&x);
  assert_int_equal(x.result.code, SB_OK);
  assert_body(&x, "hello world");
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x");
  for (int i = 0; i < 20; i++) {
    exchange x = { .w = &w };
    get(&x);
    assert_int_equal(x.result.code, SB_OK);
    assert_true(x.result.connected);
    sb_strbuf_deinit(&x.body);
  }
  fixture_counts counts = http_fixture_counts(w.server);
  assert_int_equal(counts.requests, 20);
  assert_int_equal(counts.connections, 1);
  close_world(&w);
}

static void on_done_may_start_the_next_request(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "a", OK_HEAD CHUNKED "b", OK_HEAD CHUNKED "c");
  exchange x[3] = { { .w = &w, .then = &x[1] }, { .w = &w, .then = &x[2] }, { .w = &w } };
  begin(&x[0], (sb_http_call){ .url = http_fixture_url(w.server) });
  run_until_ended(&x[2]);
  assert_body(&x[0], "a");
  assert_body(&x[1], "b");
  assert_body(&x[2], "c");
  assert_int_equal(http_fixture_counts(w.server).connections, 1);
  for (int i = 0; i < 3; i++)
    sb_strbuf_deinit(&x[i].body);
  close_world(&w);
}

static void on_done_may_cancel_another_request(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED BARRIER "a");
  http_fixture_barrier(w.server, 2);
  exchange x[2] = { { .w = &w, .cancels = &x[1] }, { .w = &w, .cancels = &x[0] } };
  for (int i = 0; i < 2; i++)
    begin(&x[i], (sb_http_call){ .url = http_fixture_url(w.server) });
  int ends = 0;
  while (!ends) {
    sb_loop_step(w.loop);
    ends = x[0].ends + x[1].ends;
  }
  for (int i = 0; i < 20; i++)
    sb_loop_poll(w.loop);
  assert_int_equal(x[0].ends + x[1].ends, 1);
  for (int i = 0; i < 2; i++)
    sb_strbuf_deinit(&x[i].body);
  close_world(&w);
}

static void a_megabyte_goes_each_way(void **state)
{
  (void)state;
  enum { SIZE = 1 << 20 };
  WORLD(OK_HEAD CHUNKED MIRROR);
  char *body = sb_alloc(SIZE);
  for (int i = 0; i < SIZE; i++)
    body[i] = (char)(i * 7 % 251);
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .body = body, .body_size = SIZE });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_OK);
  assert_int_equal(x.body.size, SIZE);
  assert_memory_equal(x.body.data, body, SIZE);
  assert_null(strstr(http_fixture_head(w.server, 0), "Expect:"));
  assert_memory_equal(http_fixture_head(w.server, 0), "POST ", 5);
  assert_true(sb_http_get_stats(w.http).bytes == SIZE);
  free(body);
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void many_requests_run_at_once(void **state)
{
  (void)state;
  enum { N = 100 };
  WORLD(OK_HEAD CHUNKED BARRIER "x");
  http_fixture_barrier(w.server, N);
  static exchange x[N];
  for (int i = 0; i < N; i++) {
    x[i] = (exchange){ .w = &w };
    begin(&x[i], (sb_http_call){ .url = http_fixture_url(w.server) });
  }
  for (int i = 0; i < N; i++)
    run_until_ended(&x[i]);
  for (int i = 0; i < N; i++) {
    assert_int_equal(x[i].ends, 1);
    assert_body(&x[i], "x");
    sb_strbuf_deinit(&x[i].body);
  }
  assert_int_equal(http_fixture_counts(w.server).lonely, 0);
  close_world(&w);
}

static void headers_and_method_are_sent(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x");
  exchange x = { .w = &w };
  const char *const headers[] = { "X-One: 1", "Authorization: Bearer k", NULL };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .method = "DELETE", .headers = headers });
  run_until_ended(&x);
  const char *head = http_fixture_head(w.server, 0);
  assert_memory_equal(head, "DELETE /v1/completions HTTP/1.1\r\n", 33);
  assert_non_null(strstr(head, "\r\nX-One: 1\r\n"));
  assert_non_null(strstr(head, "\r\nAuthorization: Bearer k\r\n"));
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void a_status_other_than_200_is_an_answer(void **state)
{
  (void)state;
  WORLD("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", "HTTP/1.1 204 No Content\r\n\r\n");
  exchange x = { .w = &w }, empty = { .w = &w };
  get(&x);
  assert_int_equal(x.result.code, SB_OK);
  assert_int_equal(x.result.status, 404);
  assert_int_equal(x.status_seen, 404);
  assert_body(&x, "nope");
  get(&empty);
  assert_int_equal(empty.result.status, 204);
  assert_true(empty.result.t_first_byte_ns == 0);
  assert_int_equal(empty.pieces, 0);
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void a_refused_connection_is_reported_from_the_loop(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x");
  char url[64];
  snprintf(url, sizeof url, "%s", http_fixture_url(w.server));
  http_fixture_stop(w.server);
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = url });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_EIO);
  assert_int_equal(x.result.status, 0);
  assert_false(x.result.connected);
  assert_true(x.result.t_send_ns == 0);
  assert_non_null(strstr(x.error, "onnect"));
  w.server = http_fixture_start(1, answers);
  close_world(&w);
}

static void a_connection_that_dies_is_an_error(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "half" CLOSE, OK_HEAD CHUNKED "half" PAUSE RESET, CLOSE, RESET);
  const int statuses[] = { 200, 200, 0, 0 };
  for (int i = 0; i < 4; i++) {
    exchange x = { .w = &w };
    get(&x);
    assert_int_equal(x.result.code, SB_EIO);
    assert_int_equal(x.result.status, statuses[i]);
    assert_true(x.error[0] != '\0');
    assert_body(&x, statuses[i] ? "half" : "");
    sb_strbuf_deinit(&x.body);
  }
  close_world(&w);
}

static void silence_ends_a_request_but_a_trickle_does_not(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x" HANG, HANG, OK_HEAD CHUNKED "1" PAUSE "2" PAUSE "3" PAUSE "4" PAUSE "5");
  for (int i = 0; i < 2; i++) {
    exchange x = { .w = &w };
    int64_t before = sb_clock_now(), limit = 60 * SB_NS_PER_MS;
    begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .silence_ns = limit });
    run_until_ended(&x);
    assert_int_equal(x.result.code, SB_ETIMEOUT);
    assert_true(x.result.silent);
    assert_true(sb_clock_now() - before >= limit);
    assert_non_null(strstr(x.error, "chunk timeout"));
    sb_strbuf_deinit(&x.body);
  }
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .silence_ns = 10 * SB_NS_PER_S });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_OK);
  assert_body(&x, "12345");
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void a_request_that_takes_too_long_ends_though_bytes_come(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "1" PAUSE "2" PAUSE "3" PAUSE "4" PAUSE "5" PAUSE "6" HANG);
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .timeout_ns = 50 * SB_NS_PER_MS,
                            .silence_ns = 20 * SB_NS_PER_S });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_ETIMEOUT);
  assert_false(x.result.silent);
  assert_non_null(strstr(x.error, "request timeout"));
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void run_until_closed(world *w)
{
  while (http_fixture_counts(w->server).open)
    sb_loop_poll(w->loop);
}

static void a_cancelled_request_is_never_heard_of_again(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x" HANG);
  exchange connecting = { .w = &w }, streaming = { .w = &w };
  begin(&connecting, (sb_http_call){ .url = http_fixture_url(w.server) });
  sb_http_cancel(connecting.request);
  begin(&streaming, (sb_http_call){ .url = http_fixture_url(w.server) });
  while (!streaming.pieces)
    step_towards(&w, &streaming.pieces);
  sb_http_cancel(streaming.request);
  run_until_closed(&w);
  assert_int_equal(connecting.ends + connecting.pieces, 0);
  assert_int_equal(streaming.ends, 0);
  sb_strbuf_deinit(&streaming.body);
  close_world(&w);
}

static void freeing_the_client_ends_what_is_under_way(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x" HANG);
  exchange x[3] = { { .w = &w }, { .w = &w }, { .w = &w } };
  for (int i = 0; i < 2; i++)
    begin(&x[i], (sb_http_call){ .url = http_fixture_url(w.server) });
  while (!x[0].pieces || !x[1].pieces)
    assert_true(sb_loop_step(w.loop));
  begin(&x[2], (sb_http_call){ .url = http_fixture_url(w.server) });
  sb_http_free(w.http);
  w.http = NULL;
  while (sb_loop_step(w.loop))
    continue;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(x[i].ends, 0);
    sb_strbuf_deinit(&x[i].body);
  }
  close_world(&w);
}

static void what_is_no_http_url_is_refused_at_once(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x");
  static const char *const urls[] = { "", "localhost:80", "ftp://127.0.0.1/", "http://", "https://", "file:///etc/passwd" };
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    sb_err err = { 0 };
    sb_http_call call = { .url = urls[i], .on_data = on_data, .on_done = on_done };
    assert_null(sb_http_start(w.http, &call, &err));
    assert_int_equal(err.code, SB_EINVAL);
    assert_non_null(strstr(err.text, urls[i]));
  }
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_answer_arrives_with_status_type_and_times),
    cmocka_unit_test(pieces_are_passed_on_as_they_come),
    cmocka_unit_test(bytes_that_come_one_by_one_are_the_same_answer),
    cmocka_unit_test(a_connection_is_kept_for_the_next_request),
    cmocka_unit_test(on_done_may_start_the_next_request),
    cmocka_unit_test(on_done_may_cancel_another_request),
    cmocka_unit_test(a_megabyte_goes_each_way),
    cmocka_unit_test(many_requests_run_at_once),
    cmocka_unit_test(headers_and_method_are_sent),
    cmocka_unit_test(a_status_other_than_200_is_an_answer),
    cmocka_unit_test(a_refused_connection_is_reported_from_the_loop),
    cmocka_unit_test(a_connection_that_dies_is_an_error),
    cmocka_unit_test(silence_ends_a_request_but_a_trickle_does_not),
    cmocka_unit_test(a_request_that_takes_too_long_ends_though_bytes_come),
    cmocka_unit_test(a_cancelled_request_is_never_heard_of_again),
    cmocka_unit_test(freeing_the_client_ends_what_is_under_way),
    cmocka_unit_test(what_is_no_http_url_is_refused_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
