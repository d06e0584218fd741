#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/clock.h"
#include "http_world.h"
#include "loop_poll.h"

/* What a request says, and which connection it goes over. */

#define LENGTH_1 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
#define CLOSING "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"

/* A GET whose answer has this body. */
static void get_body(world *w, const char *want)
{
  exchange x = { .w = w };
  get(&x);
  assert_string_equal(x.error, "");
  assert_int_equal(x.result.status, 200);
  assert_body(&x, want);
  sb_strbuf_deinit(&x.body);
}

static void get_failure(world *w)
{
  exchange x = { .w = w };
  get(&x);
  assert_int_equal(x.result.code, SB_EIO);
  assert_true(x.error[0] != '\0');
  sb_strbuf_deinit(&x.body);
}

static void assert_server_saw(world *w, int requests, int connections)
{
  fixture_counts counts = http_fixture_counts(w->server);
  assert_int_equal(counts.requests, requests);
  assert_int_equal(counts.connections, connections);
}

static void an_answer_of_known_length_keeps_its_connection(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a", OK_HEAD CHUNKED "b", "HTTP/1.1 100 Continue\r\n\r\n" LENGTH_1 "c");
  get_body(&w, "a");
  get_body(&w, "b");
  get_body(&w, "c");
  assert_server_saw(&w, 3, 1);
  close_world(&w);
}

static void an_answer_that_says_close_does_not(void **state)
{
  (void)state;
  WORLD(CLOSING "a" CLOSE, "HTTP/1.1 200 OK\r\n\r\nb" PAUSE "c" CLOSE, LENGTH_1 "d");
  get_body(&w, "a");
  get_body(&w, "bc");
  get_body(&w, "d");
  assert_server_saw(&w, 3, 3);
  close_world(&w);
}

/* RFC 9112, 9.6: no further request goes over it, though the answer does not say that it closes. */
static void a_request_that_says_close_does_not(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a", LENGTH_1 "b");
  exchange x = { .w = &w };
  const char *const headers[] = { "connection: Close", NULL };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .headers = headers });
  run_until_ended(&x);
  assert_body(&x, "a");
  sb_strbuf_deinit(&x.body);
  get_body(&w, "b");
  assert_server_saw(&w, 2, 2);
  close_world(&w);
}

static void bytes_after_an_answer_end_the_connection(void **state)
{
  (void)state;
  /* the second's body ends where what is read in parts is parted (net/stamps) */
  WORLD(LENGTH_1 "aHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\n\nHTTP/1.1 200 OK\r\n", LENGTH_1 "b");
  get_body(&w, "a");
  get_body(&w, "\n\n");
  get_body(&w, "b");
  assert_server_saw(&w, 3, 3);
  close_world(&w);
}

static void an_answer_that_makes_no_sense_is_an_error(void **state)
{
  (void)state;
  WORLD("220 mail.example ESMTP\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", LENGTH_1 "a");
  get_failure(&w);
  get_failure(&w);
  get_body(&w, "a");
  assert_server_saw(&w, 3, 3);
  close_world(&w);
}

static void a_head_request_has_no_body(void **state)
{
  (void)state;
  WORLD("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", LENGTH_1 "a");
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .method = "HEAD" });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_OK);
  assert_int_equal(x.pieces, 0);
  get_body(&w, "a");
  assert_server_saw(&w, 2, 1);
  close_world(&w);
}

static void a_request_that_met_a_closing_connection_is_sent_again_once(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a", CLOSE, LENGTH_1 "b", RESET, CLOSE, LENGTH_1 "c");
  get_body(&w, "a");
  exchange second = { .w = &w };
  get(&second); /* was read and not answered: the third that the server sees is the same one */
  assert_body(&second, "b");
  sb_strbuf_deinit(&second.body);
  assert_true(second.result.resent);
  assert_server_saw(&w, 3, 2);
  get_failure(&w); /* unanswered twice: the connection of the second try was fresh */
  assert_server_saw(&w, 5, 3);
  get_body(&w, "c");
  close_world(&w);
}

static void a_request_that_was_answered_in_part_is_not_sent_again(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a", "HTTP/1.1 200" CLOSE);
  get_body(&w, "a");
  get_failure(&w);
  assert_server_saw(&w, 2, 1);
  close_world(&w);
}

static void a_resting_connection_that_the_server_closes_is_forgotten(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a" PAUSE CLOSE, LENGTH_1 "b");
  get_body(&w, "a");
  while (http_fixture_counts(w.server).open)
    loop_poll(w.loop);
  for (int i = 0; i < 5; i++)
    loop_poll(w.loop);
  get_body(&w, "b");
  assert_server_saw(&w, 2, 2);
  close_world(&w);
}

/* Where the client comes late, the end is in the readiness of the answer before it. */
static void a_connection_that_ended_with_its_answer_does_not_rest(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a" CLOSE, LENGTH_1 "b");
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server) });
  while (!http_fixture_counts(w.server).requests)
    loop_poll(w.loop);
  while (http_fixture_counts(w.server).open)
    usleep(1000);
  run_until_ended(&x);
  assert_body(&x, "a");
  sb_strbuf_deinit(&x.body);
  x = (exchange){ .w = &w };
  get(&x);
  assert_body(&x, "b");
  assert_false(x.result.resent);
  assert_server_saw(&w, 2, 2);
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void a_resting_connection_keeps_no_loop_alive(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a");
  get_body(&w, "a");
  while (sb_loop_step(w.loop))
    continue;
  get_body(&w, "a");
  assert_server_saw(&w, 2, 1);
  close_world(&w);
}

static void connections_are_kept_apart_by_server(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a");
  world other = { .loop = w.loop, .http = w.http, .server = http_fixture_start(1, answers) };
  for (int i = 0; i < 2; i++) {
    get_body(&w, "a");
    get_body(&other, "a");
  }
  assert_server_saw(&w, 2, 1);
  assert_server_saw(&other, 2, 1);
  http_fixture_stop(other.server);
  close_world(&w);
}

static void a_request_is_sent_when_its_connection_stands(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a");
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server) });
  int64_t returned = sb_clock_now();
  run_until_ended(&x);
  assert_true(x.result.t_send_ns > returned); /* a connection had to be made first */
  assert_true(x.result.connected);
  sb_strbuf_deinit(&x.body);
  x = (exchange){ .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server) });
  returned = sb_clock_now();
  run_until_ended(&x);
  assert_true(x.result.t_send_ns <= returned); /* at once: the connection was kept */
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void the_head_says_what_the_url_and_the_caller_say(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a");
  int port = atoi(strrchr(http_fixture_url(w.server), ':') + 1);
  char url[96], host[32];
  snprintf(url, sizeof url, "http://us%%65r:pass@127.0.0.1:%d?q=1&r#fragment", port);
  snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%d\r\n", port);
  const char *const own[] = { "host: x", "ACCEPT: text/plain", "Authorization: none", NULL };
  for (int i = 0; i < 2; i++) {
    exchange x = { .w = &w };
    begin(&x, (sb_http_call){ .url = url, .headers = i ? own : NULL, .body = i ? "" : NULL });
    run_until_ended(&x);
    sb_strbuf_deinit(&x.body);
  }
  const char *head = http_fixture_head(w.server, 0);
  assert_memory_equal(head, "GET /?q=1&r HTTP/1.1\r\n", 22);
  assert_non_null(strstr(head, host));
  assert_non_null(strstr(head, "\r\nAccept: */*\r\n"));
  assert_non_null(strstr(head, "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n"));
  assert_null(strstr(head, "Content-Length"));
  assert_string_equal(http_fixture_head(w.server, 1),
                      "POST /?q=1&r HTTP/1.1\r\nhost: x\r\nACCEPT: text/plain\r\nAuthorization: none\r\n"
                      "Content-Length: 0\r\n\r\n");
  close_world(&w);
}

static void a_head_of_several_lines_in_one_is_refused(void **state)
{
  (void)state;
  WORLD(LENGTH_1 "a");
  static const char *const headers[] = { "no colon", ": no name", "A: b\r\nC: d", "A: b\n" };
  sb_err err = { 0 };
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    const char *const list[] = { headers[i], NULL };
    sb_http_call call = { .url = http_fixture_url(w.server), .headers = list };
    assert_null(sb_http_start(w.http, &call, &err));
    assert_int_equal(err.code, SB_EINVAL);
  }
  sb_http_call call = { .url = http_fixture_url(w.server), .method = "GET /" };
  assert_null(sb_http_start(w.http, &call, &err));
  assert_non_null(strstr(err.text, "method"));
  assert_server_saw(&w, 0, 0);
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_answer_of_known_length_keeps_its_connection),
    cmocka_unit_test(an_answer_that_says_close_does_not),
    cmocka_unit_test(a_request_that_says_close_does_not),
    cmocka_unit_test(bytes_after_an_answer_end_the_connection),
    cmocka_unit_test(an_answer_that_makes_no_sense_is_an_error),
    cmocka_unit_test(a_head_request_has_no_body),
    cmocka_unit_test(a_request_that_met_a_closing_connection_is_sent_again_once),
    cmocka_unit_test(a_request_that_was_answered_in_part_is_not_sent_again),
    cmocka_unit_test(a_resting_connection_that_the_server_closes_is_forgotten),
    cmocka_unit_test(a_connection_that_ended_with_its_answer_does_not_rest),
    cmocka_unit_test(a_resting_connection_keeps_no_loop_alive),
    cmocka_unit_test(connections_are_kept_apart_by_server),
    cmocka_unit_test(a_request_is_sent_when_its_connection_stands),
    cmocka_unit_test(the_head_says_what_the_url_and_the_caller_say),
    cmocka_unit_test(a_head_of_several_lines_in_one_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
