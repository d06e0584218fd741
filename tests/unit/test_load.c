#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "base/clock.h"
#include "load/arrivals.h"
#include "load_fixture.h"
#include "loop_poll.h"

static void a_closed_loop_keeps_exactly_its_concurrency_in_flight(void **state)
{
  (void)state;
  enum { N = 32, B = 4 };
  WORLD(SSE_HEAD CHUNKED BARRIER TEXT("a") STOP DONE);
  http_fixture_barrier(w.server, B);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = B });
  sb_run *run = end_load(&w);
  fixture_counts counts = http_fixture_counts(w.server);
  assert_int_equal(counts.lonely, 0);       /* never fewer */
  assert_int_equal(counts.most_at_once, B); /* never more */
  assert_int_equal(counts.requests, N);
  for (uint32_t i = 0; i < N; i++) {
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_OK);
    assert_int_equal(run->records[i].id, i);
    assert_int_equal(run->records[i].prompt_id, 100 + i);
  }
  assert_int_equal(run->concurrency, B);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void an_open_loop_sends_no_request_before_its_time(void **state)
{
  (void)state;
  enum { N = 20 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  int64_t arrivals[N];
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_POISSON, 400, 1, 7, N, arrivals, NULL), 0);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .arrivals_ns = arrivals });
  sb_run *run = end_load(&w);
  for (int i = 0; i < N; i++) {
    assert_true(run->records[i].t_intended == run->t_start + arrivals[i]);
    assert_true(run->records[i].t_send >= run->records[i].t_intended);
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_OK);
  }
  assert_int_equal(run->concurrency, 0);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void a_bounded_open_loop_sends_late_but_keeps_the_plan(void **state)
{
  (void)state;
  enum { N = 6 };
  WORLD(SSE_HEAD CHUNKED PAUSE TEXT("a") STOP DONE);
  const int64_t arrivals[N] = { 0 };
  sb_load_request *list = requests(N);
  begin_load(&w,
             (sb_load_options){ .requests = list, .count = N, .concurrency = 2, .arrivals_ns = arrivals });
  assert_int_equal(sb_load_get_progress(w.load).in_flight, 2);
  sb_run *run = end_load(&w);
  assert_in_range(http_fixture_counts(w.server).most_at_once, 1, 2);
  for (int i = 0; i < N; i++)
    assert_true(run->records[i].t_intended == run->t_start);
  assert_true(run->records[N - 1].t_send >= run->records[0].t_done);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void requests_are_sent_for_a_while_and_the_rest_is_no_part_of_the_run(void **state)
{
  (void)state;
  enum { N = 1000 };
  WORLD(SSE_HEAD CHUNKED PAUSE TEXT("a") STOP DONE);
  sb_load_request *list = requests(N);
  int64_t arrivals[N], send_ns = 50 * 1000000LL;
  for (int i = 0; i < N; i++)
    arrivals[i] = i * 1000000LL;
  for (uint32_t kind = 0; kind < 6;
       kind++) { /* closed, open, open with a bound; on one loop and on two threads */
    uint32_t concurrency = kind % 3 == 1 ? 0 : 3;
    begin_load(&w, (sb_load_options){ .requests = list,
                                      .count = N,
                                      .concurrency = concurrency,
                                      .arrivals_ns = kind % 3 ? arrivals : NULL,
                                      .io_threads = 1 + kind / 3,
                                      .send_ns = send_ns });
    sb_run *run = end_load(&w);
    assert_in_range(run->count, 1, N / 2);
    if (kind % 3 == 1)
      assert_int_equal(run->count, 50);
    for (uint32_t i = 0; i < run->count; i++) {
      assert_int_equal(run->records[i].outcome, SB_OUTCOME_OK);
      assert_true(run->records[i].t_intended < run->t_start + send_ns);
    }
    sb_run_free(run);
    sb_load_free(w.load);
    w.load = NULL;
    w.ended = 0;
  }
  free(list);
  close_world(&w);
}

/* A thousand connections take tens of milliseconds, in which what has come would wait. */
static void sockets_are_looked_at_while_many_requests_are_sent(void **state)
{
  (void)state;
  enum { N = 200 };
  WORLD(SSE_HEAD CHUNKED HANG);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = N });
  uint32_t before = 0, turns = 0;
  for (sb_load_progress p; (p = sb_load_get_progress(w.load)).in_flight < N; turns++) {
    assert_true(p.in_flight > before && p.in_flight - before < N / 4);
    before = p.in_flight;
    sb_loop_step(w.loop);
  }
  assert_true(turns > 4);
  sb_load_cancel(w.load);
  free(list);
  close_world(&w);
}

/* Every request ends the moment it is sent: from the loop (refused), and inside sb_http_start (no URL). The
 * stack may grow to a megabyte, which is a hundred bytes a request. */
static void ten_thousand_failures_at_once_need_no_stack(void **state)
{
  (void)state;
  struct rlimit usual, small;
  getrlimit(RLIMIT_STACK, &usual);
  small = usual;
  small.rlim_cur = 1 << 20;
  setrlimit(RLIMIT_STACK, &small);
  enum { N = 10000 };
  WORLD("");
  char refused[64];
  snprintf(refused, sizeof refused, "%s", http_fixture_url(w.server));
  http_fixture_stop(w.server);
  const char *const urls[] = { refused, "ftp://127.0.0.1/" };
  sb_load_request *list = requests(N);
  for (int i = 0; i < 4; i++) {
    w.ended = 0;
    uint32_t concurrency = i % 2 ? N / 100 : 1;
    begin_load(&w, (sb_load_options){
                       .url = urls[i / 2], .requests = list, .count = N, .concurrency = concurrency });
    sb_run *run = end_load(&w);
    for (uint32_t r = 0; r < N; r++)
      assert_int_equal(run->records[r].outcome, SB_OUTCOME_CONNECT);
    assert_int_equal(sb_load_get_progress(w.load).failed, N);
    sb_run_free(run);
    sb_load_free(w.load);
    w.load = NULL;
  }
  free(list);
  setrlimit(RLIMIT_STACK, &usual);
  w.server = http_fixture_start(1, answers);
  close_world(&w);
}

static void cancelling_ends_what_is_in_flight_and_sends_no_more(void **state)
{
  (void)state;
  enum { N = 9, B = 3 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE, SSE_HEAD CHUNKED TEXT("a") HANG);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = B });
  while (sb_load_get_progress(w.load).done < 1 || http_fixture_counts(w.server).requests < 1 + B)
    loop_poll(w.loop);
  sb_load_cancel(w.load);
  sb_load_cancel(w.load);
  while (http_fixture_counts(w.server).open)
    loop_poll(w.loop);
  assert_int_equal(w.ended, 0);
  sb_run *run = sb_load_take_run(w.load);
  int seen[3] = { 0 }; /* complete, in flight, never sent */
  for (uint32_t i = 0; i < N; i++) {
    const sb_record *r = &run->records[i];
    assert_true(r->outcome == SB_OUTCOME_OK || r->outcome == SB_OUTCOME_CANCELED);
    seen[r->outcome == SB_OUTCOME_OK ? 0 : r->t_send ? 1 : 2]++;
    assert_true((r->outcome == SB_OUTCOME_OK) == (r->error == NULL));
  }
  assert_int_equal(seen[0], 1);
  assert_int_equal(seen[1], B);
  assert_int_equal(seen[2], N - 1 - B);
  assert_true(run->t_end >= run->t_start);
  assert_int_equal(http_fixture_counts(w.server).requests, 1 + B);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void cancelling_while_connecting_is_clean(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED HANG);
  sb_load_request *list = requests(50);
  begin_load(&w, (sb_load_options){ .requests = list, .count = 50, .concurrency = 50 });
  sb_load_cancel(w.load);
  for (int i = 0; i < 10; i++)
    loop_poll(w.loop);
  assert_int_equal(w.ended, 0);
  free(list);
  close_world(&w); /* the run was not taken: the load frees it */
}

static void a_request_larger_than_the_socket_buffers_goes_out_whole(void **state)
{
  (void)state;
  enum { SIZE = 8 << 20 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  char *body = sb_alloc(SIZE);
  memset(body, ' ', SIZE);
  sb_load_request list[2] = { { .body = body, .body_size = SIZE }, { .body = body, .body_size = SIZE } };
  begin_load(&w, (sb_load_options){ .requests = list, .count = 2, .concurrency = 2 });
  sb_run *run = end_load(&w);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_OK);
    assert_non_null(strstr(http_fixture_head(w.server, i), "Content-Length: 8388608\r\n"));
  }
  free(body);
  sb_run_free(run);
  close_world(&w);
}

static void every_request_carries_its_headers_and_its_id(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  const char *const common[] = { "Content-Type: application/json", NULL };
  const char *const own[] = { "X-Own: 1", "X-Two: 2", NULL };
  sb_load_request *list = requests(3);
  list[1].headers = own;
  begin_load(&w,
             (sb_load_options){
                 .requests = list, .count = 3, .concurrency = 1, .headers = common, .id_prefix = "cell-7" });
  sb_run_free(end_load(&w));
  for (int i = 0; i < 3; i++) {
    char id[64];
    const char *head = http_fixture_head(w.server, i);
    snprintf(id, sizeof id, "\r\nX-Request-Id: cell-7-%d\r\n", i);
    assert_non_null(strstr(head, id));
    assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
    assert_int_equal(strstr(head, "X-Own: 1\r\nX-Two: 2\r\n") != NULL, i == 1);
  }
  free(list);
  close_world(&w);
}

static void options_that_make_no_sense_are_refused(void **state)
{
  (void)state;
  WORLD("");
  sb_load_request request = { .body = "{}", .body_size = 2 };
  sb_load_options none = { .url = "http://127.0.0.1:1/", .requests = &request, .concurrency = 1 };
  sb_load_options idle = { .url = "http://127.0.0.1:1/", .requests = &request, .count = 1 };
  sb_err err = { 0 };
  assert_null(sb_load_start(w.loop, w.http, &none, &err));
  assert_int_equal(err.code, SB_EINVAL);
  assert_null(sb_load_start(w.loop, w.http, &idle, &err));
  assert_non_null(strstr(err.text, "concurrency"));
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_closed_loop_keeps_exactly_its_concurrency_in_flight),
    cmocka_unit_test(an_open_loop_sends_no_request_before_its_time),
    cmocka_unit_test(a_bounded_open_loop_sends_late_but_keeps_the_plan),
    cmocka_unit_test(requests_are_sent_for_a_while_and_the_rest_is_no_part_of_the_run),
    cmocka_unit_test(sockets_are_looked_at_while_many_requests_are_sent),
    cmocka_unit_test(ten_thousand_failures_at_once_need_no_stack),
    cmocka_unit_test(cancelling_ends_what_is_in_flight_and_sends_no_more),
    cmocka_unit_test(cancelling_while_connecting_is_clean),
    cmocka_unit_test(a_request_larger_than_the_socket_buffers_goes_out_whole),
    cmocka_unit_test(every_request_carries_its_headers_and_its_id),
    cmocka_unit_test(options_that_make_no_sense_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
