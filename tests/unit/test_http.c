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
#include "http_world.h"
#include "loop_poll.h"

/* Answers, whole and in pieces. */

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
  WORLD(DRIBBLE OK_HEAD CHUNKED "hello"
                                "" PAUSE " world");
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
    loop_poll(w.loop);
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

static void a_method_that_means_a_body_says_that_there_is_none(void **state)
{
  (void)state;
  static const char *const methods[] = { "POST", "PUT", "PATCH", "GET", "DELETE" };
  WORLD(OK_HEAD CHUNKED "x");
  for (int i = 0; i < 5; i++) {
    exchange x = { .w = &w };
    begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .method = methods[i] });
    run_until_ended(&x);
    assert_int_equal(x.result.code, SB_OK);
    assert_int_equal(!!strstr(http_fixture_head(w.server, i), "\r\nContent-Length: 0\r\n"), i < 3);
    sb_strbuf_deinit(&x.body);
  }
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
    cmocka_unit_test(a_method_that_means_a_body_says_that_there_is_none),
    cmocka_unit_test(a_status_other_than_200_is_an_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
