#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "base/clock.h"
#include "http_world.h"
#include "loop_poll.h"

/* Requests that fail, take too long or are cancelled. */

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

static void a_lack_of_descriptors_is_not_told_as_a_server_that_is_not_there(void **state)
{
  (void)state;
  enum { LIMIT = 64 };
  WORLD(OK_HEAD CHUNKED "x");
  int taken[LIMIT], count = 0;
  struct rlimit usual, small;
  getrlimit(RLIMIT_NOFILE, &usual);
  small = (struct rlimit){ LIMIT, usual.rlim_max };
  setrlimit(RLIMIT_NOFILE, &small);
  while ((taken[count] = dup(STDERR_FILENO)) >= 0)
    count++;
  exchange x = { .w = &w };
  get(&x);
  while (count)
    close(taken[--count]);
  setrlimit(RLIMIT_NOFILE, &usual);
  assert_int_equal(x.result.code, SB_EIO);
  assert_non_null(strstr(x.error, "no file descriptor is left"));
  assert_non_null(strstr(x.error, "ulimit -n"));
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

/* In libcurl's place (net.cmake). */
static CURLMcode refusal = CURLM_OK;
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);

CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
  return refusal != CURLM_OK ? refusal : __real_curl_multi_add_handle(multi, easy);
}

static void a_connection_that_libcurl_refuses_says_why(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "x");
  sb_err err = { 0 };
  refusal = CURLM_OUT_OF_MEMORY;
  assert_null(sb_http_start(w.http, &(sb_http_call){ .url = http_fixture_url(w.server) }, &err));
  refusal = CURLM_OK;
  assert_non_null(strstr(err.text, curl_multi_strerror(CURLM_OUT_OF_MEMORY)));
  exchange x = { .w = &w };
  get(&x);
  assert_body(&x, "x");
  sb_strbuf_deinit(&x.body);
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
    begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .chunk_timeout_ns = limit });
    run_until_ended(&x);
    assert_int_equal(x.result.code, SB_ETIMEOUT);
    assert_true(x.result.silent);
    assert_true(sb_clock_now() - before >= limit);
    assert_non_null(strstr(x.error, "chunk timeout"));
    sb_strbuf_deinit(&x.body);
  }
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .chunk_timeout_ns = 10 * SB_NS_PER_S });
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
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server),
                            .timeout_ns = 50 * SB_NS_PER_MS,
                            .chunk_timeout_ns = 20 * SB_NS_PER_S });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_ETIMEOUT);
  assert_false(x.result.silent);
  assert_non_null(strstr(x.error, "request timeout"));
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void a_body_beyond_its_bound_fails(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "12345" PAUSE "6789" AGAIN "x");
  exchange x = { .w = &w };
  begin(&x, (sb_http_call){ .url = http_fixture_url(w.server), .max_body = 8 });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_EIO);
  assert_non_null(strstr(x.error, "larger than 8 bytes"));
  sb_strbuf_deinit(&x.body);
  close_world(&w);
}

static void stand_still(uv_timer_t *timer)
{
  (void)timer;
  nanosleep(&(struct timespec){ .tv_nsec = 900 * SB_NS_PER_MS }, NULL);
}

/* What waits in the socket when the loop goes on is read before anybody is blamed. */
static void a_loop_that_stood_still_blames_nobody(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "1" PAUSE PAUSE PAUSE PAUSE "2" PAUSE "3");
  const int64_t limit = 500 * SB_NS_PER_MS;
  exchange x = { .w = &w };
  uv_timer_t timer;
  uv_timer_init(sb_loop_uv(w.loop), &timer);
  uv_timer_start(&timer, stand_still, 40, 0);
  begin(&x,
        (sb_http_call){ .url = http_fixture_url(w.server), .timeout_ns = limit, .chunk_timeout_ns = limit });
  run_until_ended(&x);
  assert_int_equal(x.result.code, SB_OK);
  sb_strbuf_deinit(&x.body);
  uv_close((uv_handle_t *)&timer, NULL);
  close_world(&w);
}

static void run_until_closed(world *w)
{
  while (http_fixture_counts(w->server).open)
    loop_poll(w->loop);
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
  static const char *const urls[] = { "",        "localhost:80", "ftp://127.0.0.1/",
                                      "http://", "https://",     "file:///etc/passwd" };
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    sb_err err = { 0 };
    sb_http_call call = { .url = urls[i] };
    assert_null(sb_http_start(w.http, &call, &err));
    assert_int_equal(err.code, SB_EINVAL);
    assert_non_null(strstr(err.text, urls[i]));
  }
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_refused_connection_is_reported_from_the_loop),
    cmocka_unit_test(a_lack_of_descriptors_is_not_told_as_a_server_that_is_not_there),
    cmocka_unit_test(a_connection_that_libcurl_refuses_says_why),
    cmocka_unit_test(a_connection_that_dies_is_an_error),
    cmocka_unit_test(silence_ends_a_request_but_a_trickle_does_not),
    cmocka_unit_test(a_request_that_takes_too_long_ends_though_bytes_come),
    cmocka_unit_test(a_body_beyond_its_bound_fails),
    cmocka_unit_test(a_loop_that_stood_still_blames_nobody),
    cmocka_unit_test(a_cancelled_request_is_never_heard_of_again),
    cmocka_unit_test(freeing_the_client_ends_what_is_under_way),
    cmocka_unit_test(what_is_no_http_url_is_refused_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
