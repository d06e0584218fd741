#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "load_fixture.h"

/* Deadlines: what a load waits for, and what it does not. */

#define PING ": ping\n\n"

static const int64_t SHORT_NS = 250 * SB_NS_PER_MS;
static const int64_t FOR_EVER_NS = 600 * SB_NS_PER_S;

static void assert_ended(const sb_record *r, sb_outcome outcome, const char *error)
{
  if (r->outcome != outcome || !r->error || !strstr(r->error, error))
    fail_msg("%s: %s", sb_outcome_name(r->outcome), r->error ? r->error : "(no error)");
}

static sb_run *run_with(world *w, sb_load_request *list, uint32_t count, uint32_t concurrency,
                        sb_deadlines deadlines)
{
  begin_load(w, (sb_load_options){
                    .requests = list, .count = count, .concurrency = concurrency, .deadlines = deadlines });
  return end_load(w);
}

static void what_brings_no_token_is_no_answer(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED AGAIN PING,
        SSE_HEAD CHUNKED "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n" AGAIN PING,
        "HTTP/1.1 200 OK\r\n" AGAIN "X-Slow: loris\r\n");
  sb_load_request *list = requests(3);
  sb_run *run =
      run_with(&w, list, 3, 3, (sb_deadlines){ .first_token_ns = SHORT_NS, .chunk_ns = FOR_EVER_NS });
  int silent = 0;
  for (int i = 0; i < 3; i++) {
    if (run->records[i].outcome == SB_OUTCOME_SILENCE) {
      assert_ended(&run->records[i], SB_OUTCOME_SILENCE, "no first token for 0.25 s (first-token timeout)");
      silent++;
    } else {
      assert_ended(&run->records[i], SB_OUTCOME_CANCELED, "given up: the server had stopped answering");
    }
  }
  assert_true(silent >= 2);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void pings_between_chunks_are_silence(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") AGAIN PING);
  sb_load_request *list = requests(1);
  sb_run *run =
      run_with(&w, list, 1, 1, (sb_deadlines){ .first_token_ns = FOR_EVER_NS, .chunk_ns = SHORT_NS });
  assert_ended(&run->records[0], SB_OUTCOME_SILENCE, "no chunk for 0.25 s (chunk timeout)");
  assert_int_equal(run->records[0].timeline.chunks, 1);
  assert_true(run->records[0].t_send > 0 && run->records[0].t_first_byte > 0);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void an_answer_that_runs_on_beyond_max_tokens_is_cut(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED USED("a", "1") USED("b", "90") AGAIN TEXT("c"));
  sb_load_request *list = requests(1);
  list[0].max_tokens = 8;
  sb_run *run = run_with(&w, list, 1, 1, (sb_deadlines){ 0 });
  assert_ended(&run->records[0], SB_OUTCOME_BODY, "goes on far beyond max_tokens");
  sb_run_free(run);
  free(list);
  close_world(&w);
}

/* What follows [DONE] changes nothing, however long it lasts. */
static void a_body_that_goes_on_after_the_end_mark_is_left(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED USED("a", "1") PAUSE STOP DONE AGAIN USED("z", "9"));
  sb_load_request *list = requests(1);
  sb_run *run = run_with(&w, list, 1, 1, (sb_deadlines){ 0 });
  const sb_record *r = &run->records[0];
  assert_int_equal(r->outcome, SB_OUTCOME_OK);
  assert_int_equal(r->finish, SB_FINISH_STOP);
  assert_int_equal(r->timeline.tokens, 1);
  assert_true(r->t_done >= r->timeline.last_ns &&
              r->t_done < run->t_end - SB_NS_PER_S / 2); /* the end mark's */
  sb_run_free(run);
  free(list);
  close_world(&w);
}

/* Its text is hashed and not kept; an event that is too large is left out, and what follows it is read. */
static void what_is_too_large_is_not_held(void **state)
{
  (void)state;
  static char large[SB_SSE_MAX_EVENT + 4096], long_text[6 * 1024 * 1024 + 4096];
  static const char part[] = "data: {\"choices\":[{\"text\":\"";
  size_t n = (size_t)sprintf(large, "%s%s", SSE_HEAD CHUNKED TEXT("a"), part);
  memset(large + n, 'x', SB_SSE_MAX_EVENT);
  strcpy(large + n + SB_SSE_MAX_EVENT, "\"}]}\n\ndata: {\"error\":{\"message\":\"out of memory\"}}\n\n");
  n = (size_t)sprintf(long_text, "%s", SSE_HEAD CHUNKED);
  for (int i = 0; i < 3; i++) {
    n += (size_t)sprintf(long_text + n, "%s", part);
    memset(long_text + n, 'x', 2 * 1024 * 1024);
    n += (size_t)sprintf(long_text + n + 2 * 1024 * 1024, "\"}]}\n\n") + 2 * 1024 * 1024;
  }
  strcpy(long_text + n, STOP DONE);
  WORLD(large, long_text, SSE_HEAD CHUNKED TEXT("a\\u0000b") STOP DONE);
  sb_load_request *list = requests(3);
  begin_load(&w,
             (sb_load_options){ .requests = list, .count = 3, .concurrency = 1, .stream.keep_text = true });
  sb_run *run = end_load(&w);
  assert_ended(&run->records[0], SB_OUTCOME_EVENT, "out of memory");
  assert_int_equal(run->records[1].outcome, SB_OUTCOME_OK);
  assert_null(run->records[1].text);
  memset(long_text, 'x', 6 * 1024 * 1024);
  assert_true(run->records[1].text_hash == sb_hash64(long_text, 6 * 1024 * 1024, 0));
  assert_int_equal(run->records[2].text_size, 3);
  assert_memory_equal(run->records[2].text, "a\0b", 3);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void a_server_that_stopped_answering_is_given_up(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP DONE, SSE_HEAD CHUNKED TEXT("a") HANG, SSE_HEAD CHUNKED HANG);
  sb_load_request *list = requests(96);
  sb_run *run = run_with(&w, list, 96, 1, (sb_deadlines){ .first_token_ns = SHORT_NS, .chunk_ns = SHORT_NS });
  assert_int_equal(run->records[0].outcome, SB_OUTCOME_OK);
  assert_ended(&run->records[1], SB_OUTCOME_SILENCE, "chunk timeout");
  assert_ended(&run->records[2], SB_OUTCOME_SILENCE, "first-token timeout");
  for (int i = 3; i < 96; i++) {
    assert_ended(&run->records[i], SB_OUTCOME_CANCELED, "not sent: the server had stopped answering");
    assert_true(run->records[i].t_send == 0);
  }
  assert_string_equal(sb_load_given_up(w.load), "the server had stopped answering");
  sb_run_free(run);
  free(list);
  close_world(&w);
}

/* One that hangs among those that are answered is alone to blame. */
static void a_server_that_answers_others_is_not_given_up(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED HANG, SSE_HEAD CHUNKED TEXT("a") STOP DONE, SSE_HEAD CHUNKED HANG,
        SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  sb_load_request *list = requests(6);
  sb_run *run = run_with(&w, list, 6, 1, (sb_deadlines){ .first_token_ns = SHORT_NS, .chunk_ns = SHORT_NS });
  assert_null(sb_load_given_up(w.load));
  for (int i = 0; i < 6; i++)
    assert_int_equal(run->records[i].outcome, i == 0 || i == 2 ? SB_OUTCOME_SILENCE : SB_OUTCOME_OK);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void a_load_has_a_time_of_its_own(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED AGAIN TEXT("a"));
  const int64_t arrivals[] = { 0, 0, FOR_EVER_NS };
  sb_load_request *list = requests(3);
  for (uint32_t threads = 1; threads <= 2; threads++) {
    begin_load(&w, (sb_load_options){ .requests = list,
                                      .count = 3,
                                      .arrivals_ns = arrivals,
                                      .io_threads = threads,
                                      .deadlines.load_ns = SHORT_NS });
    sb_run *run = end_load(&w);
    assert_ended(&run->records[0], SB_OUTCOME_TIMEOUT, "cell timeout");
    assert_ended(&run->records[1], SB_OUTCOME_TIMEOUT, "cell timeout");
    assert_ended(&run->records[2], SB_OUTCOME_CANCELED, "not sent: the cell's time was over (cell timeout)");
    sb_run_free(run);
    sb_load_free(w.load);
    w.load = NULL;
    w.ended = 0;
  }
  free(list);
  close_world(&w);
}

static void stand_still(uv_timer_t *timer)
{
  (void)timer;
  nanosleep(&(struct timespec){ .tv_nsec = 900 * SB_NS_PER_MS }, NULL);
}

/* As SIGSTOP does it: all chunks wait in the socket when the loop goes on. */
static void a_client_that_stood_still_blames_nobody(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") PAUSE PAUSE PAUSE PAUSE TEXT("b") PAUSE STOP DONE);
  const int64_t limit = 500 * SB_NS_PER_MS;
  sb_load_request *list = requests(1);
  uv_timer_t timer;
  uv_timer_init(sb_loop_uv(w.loop), &timer);
  uv_timer_start(&timer, stand_still, 40, 0);
  sb_run *run = run_with(&w, list, 1, 1, (sb_deadlines){ limit, limit, limit, limit });
  assert_int_equal(run->records[0].outcome, SB_OUTCOME_OK);
  sb_run_free(run);
  free(list);
  uv_close((uv_handle_t *)&timer, NULL);
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_brings_no_token_is_no_answer),
    cmocka_unit_test(pings_between_chunks_are_silence),
    cmocka_unit_test(an_answer_that_runs_on_beyond_max_tokens_is_cut),
    cmocka_unit_test(a_body_that_goes_on_after_the_end_mark_is_left),
    cmocka_unit_test(what_is_too_large_is_not_held),
    cmocka_unit_test(a_server_that_stopped_answering_is_given_up),
    cmocka_unit_test(a_server_that_answers_others_is_not_given_up),
    cmocka_unit_test(a_load_has_a_time_of_its_own),
    cmocka_unit_test(a_client_that_stood_still_blames_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
