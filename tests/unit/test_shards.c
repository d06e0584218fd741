#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "load/arrivals.h"
#include "load_fixture.h"
#include "loop_poll.h"

/* A load over several I/O threads: what it does, and that it does what one does. */

enum { THREADS = 4 };

/* Each of the requests arrived, and arrived once. */
static void assert_sent_once(world *w, uint32_t count)
{
  bool *seen = sb_calloc(count, sizeof *seen);
  assert_int_equal(http_fixture_counts(w->server).requests, count);
  for (uint32_t i = 0; i < count; i++) {
    const char *id = strstr(http_fixture_head(w->server, (int)i), "X-Request-Id: t-");
    assert_non_null(id);
    unsigned long index = strtoul(id + 16, NULL, 10);
    assert_in_range(index, 0, count - 1);
    assert_false(seen[index]);
    seen[index] = true;
  }
  free(seen);
}

static void several_threads_send_the_same_requests_in_the_same_order(void **state)
{
  (void)state;
  enum { N = 200, B = 10 };
  uint64_t tokens[2];
  for (int several = 0; several < 2; several++) {
    WORLD(SSE_HEAD CHUNKED USED("a", "1") USED("bc", "3") USED("d", "4") STOP DONE);
    sb_load_request *list = requests(N);
    begin_load(&w, (sb_load_options){ .requests = list,
                                      .count = N,
                                      .concurrency = B,
                                      .id_prefix = "t",
                                      .io_threads = several ? THREADS : 1 });
    sb_run *run = end_load(&w);
    assert_int_equal(sb_load_io_threads(w.load), several ? THREADS : 1);
    assert_sent_once(&w, N);
    tokens[several] = 0;
    for (uint32_t i = 0; i < N; i++) {
      const sb_record *r = &run->records[i];
      assert_int_equal(r->outcome, SB_OUTCOME_OK);
      assert_int_equal(r->id, i);
      assert_int_equal(r->prompt_id, 100 + i);
      assert_int_equal(r->token_source, SB_TOKENS_CONTINUOUS_USAGE);
      assert_true(r->t_intended >=
                  (i ? run->records[i - 1].t_intended : run->t_start)); /* the plan's order */
      assert_true(r->t_send >= r->t_intended && r->t_done <= run->t_end);
      tokens[several] += (uint64_t)sb_record_tokens(r);
    }
    assert_int_equal(sb_load_get_progress(w.load).bytes, N * run->records[0].bytes);
    assert_int_equal(sb_load_get_progress(w.load).tokens, N * sb_record_tokens(&run->records[0]));
    assert_true(sb_record_tokens(&run->records[0]) > 0);
    sb_run_free(run);
    free(list);
    close_world(&w);
  }
  assert_int_equal(tokens[0], 4 * N);
  assert_int_equal(tokens[1], 4 * N);
}

static void threads_together_keep_exactly_the_concurrency_in_flight(void **state)
{
  (void)state;
  enum { N = 60, B = 6 }; /* slots of 2, 2, 1 and 1 */
  WORLD(SSE_HEAD CHUNKED BARRIER TEXT("a") STOP DONE);
  http_fixture_barrier(w.server, B);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = B, .io_threads = THREADS });
  uint32_t sent = 0;
  while (!w.ended) {
    loop_poll(w.loop);
    sb_load_progress p = sb_load_get_progress(w.load);
    assert_true(p.in_flight <= B && p.sent >= sent && p.done <= p.sent);
    sent = p.sent;
  }
  sb_run *run = end_load(&w);
  fixture_counts counts = http_fixture_counts(w.server);
  assert_int_equal(counts.lonely, 0);       /* never fewer */
  assert_int_equal(counts.most_at_once, B); /* never more */
  assert_int_equal(run->concurrency, B);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void an_open_loop_on_threads_sends_no_request_before_its_time(void **state)
{
  (void)state;
  enum { N = 41 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  int64_t arrivals[N];
  assert_int_equal(sb_arrivals_fill(SB_ARRIVALS_POISSON, 800, 1, 7, N, arrivals, NULL), 0);
  sb_load_request *list = requests(N);
  begin_load(
      &w,
      (sb_load_options){
          .requests = list, .count = N, .arrivals_ns = arrivals, .id_prefix = "t", .io_threads = THREADS });
  sb_run *run = end_load(&w);
  assert_sent_once(&w, N);
  for (int i = 0; i < N; i++) {
    assert_true(run->records[i].t_intended == run->t_start + arrivals[i]);
    assert_true(run->records[i].t_send >= run->records[i].t_intended);
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_OK);
  }
  sb_run_free(run);
  free(list);
  close_world(&w);
}

/* The first request to arrive is answered only when the connection is cut: its slot, which is all that its
 * thread has, is lost. None of the others waits for it. */
static void a_bounded_open_loop_sends_what_is_due_wherever_a_slot_is_free(void **state)
{
  (void)state;
  enum { N = 40 };
  WORLD(SSE_HEAD CHUNKED HANG, SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  const int64_t arrivals[N] = { 0 };
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list,
                                    .count = N,
                                    .concurrency = THREADS,
                                    .arrivals_ns = arrivals,
                                    .id_prefix = "t",
                                    .io_threads = THREADS });
  while (sb_load_get_progress(w.load).done < N - 1)
    loop_poll(w.loop);
  assert_int_equal(sb_load_get_progress(w.load).in_flight, 1);
  assert_in_range(http_fixture_counts(w.server).most_at_once, 1, THREADS);
  sb_load_cancel(w.load);
  sb_run *run = sb_load_take_run(w.load);
  assert_sent_once(&w, N);
  for (int i = 0; i < N; i++)
    assert_true(run->records[i].t_intended == run->t_start);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void cancelling_ends_every_thread_and_sends_no_more(void **state)
{
  (void)state;
  enum { N = 20, B = 6 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE, SSE_HEAD CHUNKED TEXT("a") HANG);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = B, .io_threads = THREADS });
  while (sb_load_get_progress(w.load).done < 1 || http_fixture_counts(w.server).requests < 1 + B)
    loop_poll(w.loop);
  sb_load_cancel(w.load);
  sb_load_cancel(w.load);
  while (http_fixture_counts(w.server).open)
    loop_poll(w.loop);
  assert_int_equal(w.ended, 0);
  assert_int_equal(sb_load_get_progress(w.load).in_flight, 0);
  sb_run *run = sb_load_take_run(w.load);
  int seen[3] = { 0 }; /* complete, in flight, never sent */
  for (uint32_t i = 0; i < N; i++) {
    const sb_record *r = &run->records[i];
    assert_true(r->outcome == SB_OUTCOME_OK || r->outcome == SB_OUTCOME_CANCELED);
    seen[r->outcome == SB_OUTCOME_OK ? 0 : r->t_send ? 1 : 2]++;
  }
  assert_int_equal(seen[0], 1);
  assert_int_equal(seen[1], B);
  assert_int_equal(seen[2], N - 1 - B);
  assert_true(run->t_end >= run->t_start);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

/* Whatever the threads are at: not yet running, connecting, receiving, ending, or gone. */
static void cancelling_is_clean_at_any_moment(void **state)
{
  (void)state;
  enum { N = 64, TIMES = 60 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") TEXT("b") STOP DONE);
  sb_load_request *list = requests(N);
  for (int i = 0; i < TIMES; i++) {
    w.ended = 0;
    begin_load(&w,
               (sb_load_options){ .requests = list, .count = N, .concurrency = 8, .io_threads = THREADS });
    while (sb_load_get_progress(w.load).done < (uint32_t)(i * N / (TIMES - 1)))
      loop_poll(w.loop);
    sb_load_cancel(w.load);
    for (int turn = 0; turn < 3; turn++)
      loop_poll(w.loop);
    assert_in_range(w.ended, 0, 1); /* the very last ones may have come to their end */
    sb_load_free(w.load);           /* the run was not taken: the load frees it */
    w.load = NULL;
  }
  free(list);
  close_world(&w);
}

/* Every request ends the moment it is sent: from the loop (refused), and inside sb_http_start (no URL). */
static void a_server_that_refuses_fails_every_request_of_every_thread(void **state)
{
  (void)state;
  enum { N = 2000 };
  WORLD("");
  char refused[64];
  snprintf(refused, sizeof refused, "%s", http_fixture_url(w.server));
  http_fixture_stop(w.server);
  const char *const urls[] = { refused, "ftp://127.0.0.1/" };
  sb_load_request *list = requests(N);
  for (int i = 0; i < 2; i++) {
    w.ended = 0;
    begin_load(&w,
               (sb_load_options){
                   .url = urls[i], .requests = list, .count = N, .concurrency = 16, .io_threads = THREADS });
    sb_run *run = end_load(&w);
    for (uint32_t r = 0; r < N; r++)
      assert_int_equal(run->records[r].outcome, SB_OUTCOME_CONNECT);
    assert_int_equal(sb_load_get_progress(w.load).failed, N);
    sb_run_free(run);
    sb_load_free(w.load);
    w.load = NULL;
  }
  free(list);
  w.server = http_fixture_start(1, answers);
  close_world(&w);
}

static void a_server_that_breaks_off_fails_only_what_it_broke(void **state)
{
  (void)state;
  enum { N = 40 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") CLOSE, SSE_HEAD RESET, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = 8, .io_threads = THREADS });
  sb_run *run = end_load(&w);
  int outcomes[SB_OUTCOME_CANCELED + 1] = { 0 };
  for (uint32_t i = 0; i < N; i++)
    outcomes[run->records[i].outcome]++;
  assert_int_equal(outcomes[SB_OUTCOME_OK], N - 3);
  assert_int_equal(outcomes[SB_OUTCOME_TRUNCATED], 2);
  assert_int_equal(outcomes[SB_OUTCOME_HTTP], 1);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void no_more_threads_run_than_there_are_streams(void **state)
{
  (void)state;
  static const struct {
    uint32_t threads, concurrency, count, used;
  } cases[] = { { 8, 3, 12, 3 }, { 8, 1, 5, 1 }, { 8, 100, 2, 2 }, { 64, 64, 64, 64 }, { 0, 4, 4, 1 } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE);
    sb_load_request *list = requests(cases[i].count);
    begin_load(&w, (sb_load_options){ .requests = list,
                                      .count = cases[i].count,
                                      .id_prefix = "t",
                                      .concurrency = cases[i].concurrency,
                                      .io_threads = cases[i].threads });
    assert_int_equal(sb_load_io_threads(w.load), cases[i].used);
    sb_run *run = end_load(&w);
    assert_sent_once(&w, cases[i].count);
    sb_run_free(run);
    free(list);
    close_world(&w);
  }
  WORLD("");
  sb_load_request request = { .body = "{}", .body_size = 2 };
  sb_err err = { 0 };
  assert_null(sb_load_start(w.loop, w.http,
                            &(sb_load_options){ .url = "http://127.0.0.1:1/",
                                                .requests = &request,
                                                .count = 1,
                                                .concurrency = 1,
                                                .io_threads = SB_LOAD_MAX_IO_THREADS + 1 },
                            &err));
  assert_int_equal(err.code, SB_EINVAL);
  assert_non_null(strstr(err.text, "1 to 64 I/O threads, not 65"));
  close_world(&w);
}

static void each_thread_tells_how_late_it_was_and_the_load_the_worst(void **state)
{
  (void)state;
  enum { N = 16 };
  WORLD(SSE_HEAD CHUNKED TEXT("a") PAUSE TEXT("b") PAUSE TEXT("c") STOP DONE);
  sb_load_request *list = requests(N);
  begin_load(&w, (sb_load_options){ .requests = list, .count = N, .concurrency = 8, .io_threads = THREADS });
  sb_run_free(end_load(&w));
  sb_lag_summary worst = sb_load_get_lag(w.load);
  uint64_t samples = 0;
  bool found = false;
  for (uint32_t i = 0; i < THREADS; i++) {
    sb_lag_summary one = sb_load_get_thread_lag(w.load, i);
    assert_true(one.samples > 0 && one.cpu_share > 0 && one.cpu_share < 1);
    assert_true(one.max_ms <= worst.max_ms && one.p99_ms <= worst.p99_ms && one.cpu_share <= worst.cpu_share);
    found = found || one.max_ms == worst.max_ms; /* NOLINT: the same number, not a similar one */
    samples += one.samples;
  }
  assert_true(found);
  assert_int_equal(worst.samples, samples);
  free(list);
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(several_threads_send_the_same_requests_in_the_same_order),
    cmocka_unit_test(threads_together_keep_exactly_the_concurrency_in_flight),
    cmocka_unit_test(an_open_loop_on_threads_sends_no_request_before_its_time),
    cmocka_unit_test(a_bounded_open_loop_sends_what_is_due_wherever_a_slot_is_free),
    cmocka_unit_test(cancelling_ends_every_thread_and_sends_no_more),
    cmocka_unit_test(cancelling_is_clean_at_any_moment),
    cmocka_unit_test(a_server_that_refuses_fails_every_request_of_every_thread),
    cmocka_unit_test(a_server_that_breaks_off_fails_only_what_it_broke),
    cmocka_unit_test(no_more_threads_run_than_there_are_streams),
    cmocka_unit_test(each_thread_tells_how_late_it_was_and_the_load_the_worst),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
