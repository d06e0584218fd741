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
#include "base/rng.h"
#include "load_fixture.h"

/* What the record of one request holds. */

/* One request after the other, one answer each. */
static sb_run *run_answers(world *w, uint32_t count, sb_stream_options stream)
{
  sb_load_request *list = requests(count);
  begin_load(w, (sb_load_options){ .requests = list, .count = count, .concurrency = 1, .stream = stream });
  sb_run *run = end_load(w);
  free(list);
  return run;
}

/* The tokens and text marks of a record's chunks: "1t 0t 2 ". */
static const char *chunks(const sb_record *record)
{
  static char text[256];
  sb_timeline_reader reader;
  sb_chunk chunk;
  size_t n = 0;
  text[0] = '\0';
  sb_timeline_read(&record->timeline, &reader);
  while (sb_timeline_next(&reader, &chunk) && n < sizeof text - 16)
    n += (size_t)snprintf(text + n, sizeof text - n, "%u%s ", chunk.tokens, chunk.has_text ? "t" : "");
  return text;
}

static void assert_counts(const sb_record *record, sb_token_source source, const char *want,
                          int64_t completion)
{
  assert_int_equal(record->outcome, SB_OUTCOME_OK);
  assert_int_equal(record->token_source, source);
  assert_string_equal(chunks(record), want);
  assert_int_equal(record->completion_tokens, completion);
}

static void tokens_are_counted_by_continuous_usage(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED USED("", "0") USED("a", "1") PAUSE USED("bc", "3") USED("", "4") USED(
      "d", "4") "data: "
                "{\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}],\"usage\":{\"completion_"
                "tokens\":5}}\n\n"
                "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":5}}\n\n" DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ .keep_text = true });
  const sb_record *r = &run->records[0];
  assert_counts(r, SB_TOKENS_CONTINUOUS_USAGE, "1t 2t 1 0t 1 ", 5);
  assert_int_equal(r->finish, SB_FINISH_LENGTH);
  assert_int_equal(r->prompt_tokens, 5);
  assert_string_equal(r->text, "abcd");
  assert_true(r->text_hash == sb_hash64("abcd", 4, 0));
  sb_run_free(run);
  close_world(&w);
}

static void tokens_are_counted_by_their_ids(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED
        "data: {\"choices\":[{\"text\":\"a\",\"token_ids\":[1]}]}\n\n"
        "data: {\"choices\":[{\"text\":\"b\",\"token_ids\":[2,3,4]}]}\n\n"
        "data: {\"choices\":[{\"text\":\"\",\"token_ids\":[5]}]}\n\n"
        "data: {\"choices\":[{\"text\":\"\",\"token_ids\":[],\"finish_reason\":\"stop\"}]}\n\n"
        "data: {\"choices\":[],\"usage\":{\"completion_tokens\":5}}\n\n" DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ 0 });
  assert_counts(&run->records[0], SB_TOKENS_TOKEN_IDS, "1t 3t 1 ", 5);
  assert_null(run->records[0].text);
  sb_run_free(run);
  close_world(&w);
}

static void tokens_are_counted_by_timings(void **state)
{
  (void)state;
#define TIMED(text, n) "data: {\"choices\":[{\"text\":\"" text "\"}],\"timings\":{\"predicted_n\":" n "}}\n\n"
  WORLD(SSE_HEAD CHUNKED TIMED("a", "1") TIMED("b", "2") TIMED("", "3") TIMED(
      "c",
      "4") "data: "
           "{\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}],\"usage\":{\"completion_tokens\":4},"
           "\"timings\":{\"predicted_n\":4,\"draft_n\":6,\"draft_n_accepted\":2}}\n\n" DONE);
#undef TIMED
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ .event_per_token = true });
  assert_counts(&run->records[0], SB_TOKENS_TIMINGS, "1t 1t 1 1t ", 4);
  assert_int_equal(run->records[0].draft_tokens, 6);
  assert_int_equal(run->records[0].accepted_tokens, 2);
  sb_run_free(run);
  close_world(&w);
}

static void an_event_is_a_token_where_the_engine_says_so(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n" TEXT("a") TEXT("b")
            STOP "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\n" DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ .event_per_token = true });
  assert_counts(&run->records[0], SB_TOKENS_EVENT_PER_TOKEN, "1t 1t ", 2);
  sb_run_free(run);
  close_world(&w);
}

static void events_that_are_no_tokens_by_the_usage_count_for_nothing(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED "data: {\"choices\":[{\"text\":\"abc\"}]}\n\n"
                         "data: {\"choices\":[{\"text\":\"def\",\"finish_reason\":\"length\"}]}\n\n"
                         "data: {\"choices\":[],\"usage\":{\"completion_tokens\":6}}\n\n" DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ .event_per_token = true });
  assert_int_equal(run->records[0].token_source, SB_TOKENS_USAGE_TOTAL);
  assert_int_equal(sb_record_tokens(&run->records[0]), 6);
  sb_run_free(run);
  close_world(&w);
}

static void a_total_alone_leaves_the_chunks_uncounted(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") TEXT("bc") STOP
        "data: {\"choices\":[],\"usage\":{\"completion_tokens\":4}}\n\n" DONE,
        SSE_HEAD CHUNKED TEXT("a") TEXT("bc") "data: "
                                              "{\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}],"
                                              "\"usage\":{\"completion_tokens\":4}}\n\n" DONE,
        SSE_HEAD CHUNKED TEXT("a") STOP DONE);
  sb_run *run = run_answers(&w, 3, (sb_stream_options){ 0 });
  assert_counts(&run->records[0], SB_TOKENS_USAGE_TOTAL, "0t 0t ", 4);
  assert_counts(&run->records[1], SB_TOKENS_USAGE_TOTAL, "0t 0t ", 4);
  assert_counts(&run->records[2], SB_TOKENS_UNKNOWN, "0t ", -1);
  sb_run_free(run);
  close_world(&w);
}

/* Counts that some events leave out say nothing of when tokens came: then the total alone stands, and what comes
 * first is the first text. */
static void counts_on_some_events_only_are_no_counts_of_chunks(void **state)
{
  (void)state;
#define FINAL(n) "data: {\"choices\":[],\"usage\":{\"completion_tokens\":" n "}}\n\n"
#define IDS(text, ids) "data: {\"choices\":[{\"text\":\"" text "\",\"token_ids\":[" ids "]}]}\n\n"
  WORLD(SSE_HEAD CHUNKED USED("", "0") TEXT("a") TEXT("b") TEXT("c") USED("d", "4") FINAL("4") DONE,
        SSE_HEAD CHUNKED TEXT("a") TEXT("b") USED("c", "3") TEXT("d") TEXT("e") USED("f", "6") FINAL("6")
            DONE,
        SSE_HEAD CHUNKED TEXT("a") USED("b", "2") USED("c", "3") FINAL("3") DONE,
        SSE_HEAD CHUNKED USED("a", "1") TEXT("b") USED("c", "3") TEXT("d") USED("e", "5") FINAL("5") DONE,
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "1") USED("c", "3") USED("d", "3") USED("e", "5") FINAL("5")
            DONE,
        SSE_HEAD CHUNKED IDS("a", "1") TEXT("b") IDS("c", "3") TEXT("d") FINAL("4") DONE,
        SSE_HEAD CHUNKED IDS("a", "1") TEXT("b") IDS("c", "3") FINAL("3") DONE);
  sb_run *run = run_answers(&w, 7, (sb_stream_options){ 0 });
  static const int64_t totals[] = { 4, 6, 3, 5, 5, 4, 3 };
  for (int i = 0; i < 7; i++) {
    const sb_record *r = &run->records[i];
    assert_int_equal(r->outcome, SB_OUTCOME_OK);
    assert_int_equal(r->token_source, SB_TOKENS_USAGE_TOTAL);
    assert_int_equal(sb_record_tokens(r), totals[i]);
  }
  sb_run_free(run);
  close_world(&w);
}

static void one_event_without_its_count_is_made_up_for_by_the_next(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED USED("a", "1") TEXT("b") USED("c", "3") FINAL("3") DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ 0 });
  assert_counts(&run->records[0], SB_TOKENS_CONTINUOUS_USAGE, "1t 0t 2t ", 3);
  sb_run_free(run);
  close_world(&w);
}

static void a_count_that_text_followed_is_no_total(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED USED("a", "1") TEXT("b") TEXT("c") STOP DONE,
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "2") TEXT("c") STOP DONE);
  sb_run *run = run_answers(&w, 2, (sb_stream_options){ 0 });
  for (int i = 0; i < 2; i++) {
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_OK);
    assert_int_equal(run->records[i].token_source, SB_TOKENS_UNKNOWN);
    assert_int_equal(sb_record_tokens(&run->records[i]), -1);
  }
  sb_run_free(run);
  close_world(&w);
}

/* What a usage adds after the last chunk came with none; it does not make the chunks agree with it. */
static void a_usage_beyond_the_chunks_is_a_disagreement(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED USED("a", "1") USED("b", "2") FINAL("2") DONE,
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "2") STOP FINAL("800") DONE,
        SSE_HEAD CHUNKED TEXT("a") TEXT("b") STOP FINAL("800") DONE,
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "800") STOP FINAL("800") DONE,
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "2") STOP FINAL("3")
            DONE, /* SGLang: the token that ended it */
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "2") STOP FINAL("4") DONE);
  sb_load_request *list = requests(6);
  list[3].max_tokens = 8;
  begin_load(&w, (sb_load_options){
                     .requests = list, .count = 6, .concurrency = 1, .stream = { .event_per_token = true } });
  sb_run *run = end_load(&w);
  static const bool disagree[] = { false, true, true, true, false, true };
  for (int i = 0; i < 6; i++)
    assert_int_equal(run->records[i].tokens_disagree, disagree[i]);
  assert_counts(&run->records[1], SB_TOKENS_CONTINUOUS_USAGE, "1t 1t ", 800);
  assert_counts(&run->records[2], SB_TOKENS_USAGE_TOTAL, "1t 1t ", 800);
  sb_run_free(run);
  free(list);
  close_world(&w);
}

static void a_count_beyond_all_reason_is_none(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP FINAL("9223372036854775807") DONE,
        SSE_HEAD CHUNKED USED("a", "1") USED("b", "9223372036854775807") STOP FINAL("-3") DONE);
  sb_run *run = run_answers(&w, 2, (sb_stream_options){ 0 });
  assert_counts(&run->records[0], SB_TOKENS_UNKNOWN, "0t ", -1);
  assert_int_equal(sb_record_tokens(&run->records[1]), -1);
  sb_run_free(run);
  close_world(&w);
}

/* Tokens of several choices cannot be told apart by one usage. */
static void an_answer_of_several_choices_is_refused(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n"
                         "data: {\"choices\":[{\"index\":1,\"text\":\"b\"}]}\n\n" STOP DONE,
        SSE_HEAD CHUNKED "data: {\"choices\":[{\"text\":\"a\"},{\"text\":\"b\"}]}\n\n" STOP DONE);
  sb_run *run = run_answers(&w, 2, (sb_stream_options){ 0 });
  for (int i = 0; i < 2; i++) {
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_BODY);
    assert_non_null(strstr(run->records[i].error, "n = 1"));
  }
  sb_run_free(run);
  close_world(&w);
}

static void an_answer_in_one_chunk_is_counted(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED "data: {\"choices\":[{\"text\":\"abc\",\"finish_reason\":\"length\"}],"
                         "\"usage\":{\"completion_tokens\":3}}\n\n" DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ 0 });
  assert_counts(&run->records[0], SB_TOKENS_CONTINUOUS_USAGE, "3t ", 3);
  sb_run_free(run);
  close_world(&w);
}

static void how_the_bytes_are_cut_does_not_matter(void **state)
{
  (void)state;
#define STREAM USED("h\\u00e9", "1") USED("llo", "4") STOP DONE
  WORLD(SSE_HEAD CHUNKED STREAM, DRIBBLE SSE_HEAD CHUNKED STREAM, OK_UNTIL_CLOSE DRIBBLE STREAM CLOSE,
        SSE_HEAD CHUNKED ": ping\r\n\r\n" PAUSE STREAM);
#undef STREAM
  sb_run *run = run_answers(&w, 4, (sb_stream_options){ .keep_text = true });
  for (int i = 0; i < 4; i++) {
    assert_counts(&run->records[i], SB_TOKENS_CONTINUOUS_USAGE, "1t 3t ", 4);
    assert_string_equal(run->records[i].text, "h\xc3\xa9llo");
  }
  sb_run_free(run);
  close_world(&w);
}

/* Role, empty text, finish, usage and the end mark, each after how many chunks. */
static void events_that_are_no_chunks_are_recorded_too(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n" PAUSE TEXT("a")
            TEXT("b") PAUSE TEXT("") TEXT("c") STOP FINAL("3") DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ 0 });
  const sb_record *r = &run->records[0];
  static const uint64_t before[] = { 0, 2, 1, 0, 0 };
  sb_timeline_reader reader;
  sb_chunk other;
  sb_timeline_read(&r->others, &reader);
  for (int i = 0; i < 5; i++) {
    assert_true(sb_timeline_next(&reader, &other));
    assert_int_equal(other.tokens, before[i]);
    assert_int_equal(other.has_text, i == 4);
    assert_true(other.t_ns > r->t_send && other.t_ns <= r->t_done);
  }
  assert_false(sb_timeline_next(&reader, &other));
  assert_true(run->events_known);
  assert_false(run->chat); /* the fixture's address is the other endpoint's */
  sb_run_free(run);
  close_world(&w);
}

static void chunks_carry_the_time_they_arrived(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED PAUSE USED("a", "1") PAUSE USED("b", "2") USED("c", "3") PAUSE STOP DONE);
  sb_run *run = run_answers(&w, 1, (sb_stream_options){ 0 });
  const sb_record *r = &run->records[0];
  sb_timeline_reader reader;
  sb_chunk c[3];
  sb_timeline_read(&r->timeline, &reader);
  for (int i = 0; i < 3; i++)
    assert_true(sb_timeline_next(&reader, &c[i]));
  assert_true(r->t_send < r->t_first_byte);
  assert_true(r->t_first_byte == c[0].t_ns);
  assert_true(c[0].t_ns < c[1].t_ns);
  assert_true(c[1].t_ns == c[2].t_ns); /* one read, one time */
  assert_true(c[2].t_ns < r->t_done);
  assert_true(run->t_start <= r->t_send && r->t_done <= run->t_end);
  sb_run_free(run);
  close_world(&w);
}

enum { ANY_STATUS = -1 }; /* a machine under load may be too slow for the head */

typedef struct failure {
  sb_outcome outcome;
  int status;
  const char *error; /* a part of it */
} failure;

static void assert_failures(const sb_run *run, const failure *want)
{
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *r = &run->records[i];
    bool status_fits = want[i].status == ANY_STATUS || want[i].status == r->http_status;
    if (r->outcome != want[i].outcome || !status_fits || !r->error || !strstr(r->error, want[i].error) ||
        strchr(r->error, '\n'))
      fail_msg("answer %u: %s, status %d: %s", i, sb_outcome_name(r->outcome), r->http_status,
               r->error ? r->error : "(no error)");
    assert_true(r->t_send > 0 && r->t_done >= r->t_send);
  }
}

static void what_goes_wrong_is_named(void **state)
{
  (void)state;
#define JSON_TYPE "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ERROR(status, text) "HTTP/1.1 " status JSON_TYPE CHUNKED text
  WORLD(ERROR("404 Not Found", "{\"error\":{\"message\":\"no model 'x'\",\"code\":404}}"),
        ERROR("429 Too Many Requests", "{\"error\":\"slow down\"}"),
        ERROR("500 Internal Server Error", "Traceback:\nboom"), ERROR("503 Busy", ""),
        ERROR("200 OK", "{\"choices\":[]}"), SSE_HEAD CHUNKED "",
        SSE_HEAD CHUNKED TEXT("a") "data: oops\n\n" DONE,
        SSE_HEAD CHUNKED TEXT("a") "data: {\"error\":{\"message\":\"engine\\ndied\"}}\n\n" DONE,
        SSE_HEAD CHUNKED TEXT("a"), SSE_HEAD CHUNKED TEXT("a") "data: {\"cho" CLOSE,
        SSE_HEAD CHUNKED TEXT("a") PAUSE RESET, RESET, CLOSE);
#undef ERROR
#undef JSON_TYPE
  static const failure want[] = {
    { SB_OUTCOME_HTTP, 404, "HTTP status 404: no model 'x'" },
    { SB_OUTCOME_HTTP, 429, "HTTP status 429: slow down" },
    { SB_OUTCOME_HTTP, 500, "HTTP status 500: Traceback: boom" },
    { SB_OUTCOME_HTTP, 503, "HTTP status 503" },
    { SB_OUTCOME_BODY, 200, "not an event stream (content type application/json): {\"choices\"" },
    { SB_OUTCOME_BODY, 200, "not an event stream (content type text/event-stream): empty body" },
    { SB_OUTCOME_BODY, 200, "an event is not JSON: oops" },
    { SB_OUTCOME_EVENT, 200, "error event: engine died" },
    { SB_OUTCOME_TRUNCATED, 200, "without a finish reason" },
    { SB_OUTCOME_TRUNCATED, 200, "" },
    { SB_OUTCOME_TRUNCATED, 200, "" },
    { SB_OUTCOME_CONNECT, 0, "" },
    { SB_OUTCOME_CONNECT, 0, "" },
  };
  sb_run *run = run_answers(&w, sizeof want / sizeof *want, (sb_stream_options){ 0 });
  assert_failures(run, want);
  assert_string_equal(chunks(&run->records[10]), "0t ");
  assert_int_equal(sb_load_get_progress(w.load).failed, run->count);
  sb_run_free(run);
  close_world(&w);
}

static void a_finish_reason_or_the_end_mark_completes_a_stream(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") STOP, SSE_HEAD CHUNKED TEXT("a") DONE);
  sb_run *run = run_answers(&w, 2, (sb_stream_options){ 0 });
  assert_int_equal(run->records[0].outcome, SB_OUTCOME_OK);
  assert_int_equal(run->records[0].finish, SB_FINISH_STOP);
  assert_int_equal(run->records[1].outcome, SB_OUTCOME_OK);
  assert_int_equal(run->records[1].finish, SB_FINISH_NONE);
  sb_run_free(run);
  close_world(&w);
}

static void whole_answers_are_read(void **state)
{
  (void)state;
  WORLD(OK_HEAD CHUNKED "{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]," PAUSE
                        "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}",
        OK_HEAD CHUNKED "", OK_HEAD CHUNKED "{}");
  sb_run *run = run_answers(&w, 3, (sb_stream_options){ .whole = true, .keep_text = true });
  assert_counts(&run->records[0], SB_TOKENS_USAGE_TOTAL, "", 1);
  assert_string_equal(run->records[0].text, "hi");
  assert_int_equal(run->records[0].finish, SB_FINISH_STOP);
  for (int i = 1; i < 3; i++)
    assert_int_equal(run->records[i].outcome, SB_OUTCOME_BODY);
  sb_run_free(run);
  close_world(&w);
}

static void a_silent_and_a_slow_server_are_told_apart(void **state)
{
  (void)state;
  WORLD(SSE_HEAD CHUNKED TEXT("a") HANG);
  sb_load_request *list = requests(2);
  begin_load(&w,
             (sb_load_options){
                 .requests = list, .count = 1, .concurrency = 1, .deadlines.chunk_ns = 50 * SB_NS_PER_MS });
  sb_run *run = end_load(&w);
  assert_failures(run, (const failure[]){ { SB_OUTCOME_SILENCE, ANY_STATUS, "chunk timeout" } });
  sb_run_free(run);
  sb_load_free(w.load);
  w.ended = 0;
  begin_load(&w,
             (sb_load_options){
                 .requests = list, .count = 2, .concurrency = 2, .deadlines.request_ns = 50 * SB_NS_PER_MS });
  run = end_load(&w);
  const failure slow = { SB_OUTCOME_TIMEOUT, ANY_STATUS, "request timeout" };
  assert_failures(run, (const failure[]){ slow, slow });
  sb_run_free(run);
  free(list);
  close_world(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(events_that_are_no_tokens_by_the_usage_count_for_nothing),
    cmocka_unit_test(tokens_are_counted_by_continuous_usage),
    cmocka_unit_test(tokens_are_counted_by_their_ids),
    cmocka_unit_test(tokens_are_counted_by_timings),
    cmocka_unit_test(an_event_is_a_token_where_the_engine_says_so),
    cmocka_unit_test(a_total_alone_leaves_the_chunks_uncounted),
    cmocka_unit_test(counts_on_some_events_only_are_no_counts_of_chunks),
    cmocka_unit_test(one_event_without_its_count_is_made_up_for_by_the_next),
    cmocka_unit_test(a_count_that_text_followed_is_no_total),
    cmocka_unit_test(a_usage_beyond_the_chunks_is_a_disagreement),
    cmocka_unit_test(a_count_beyond_all_reason_is_none),
    cmocka_unit_test(an_answer_of_several_choices_is_refused),
    cmocka_unit_test(an_answer_in_one_chunk_is_counted),
    cmocka_unit_test(how_the_bytes_are_cut_does_not_matter),
    cmocka_unit_test(events_that_are_no_chunks_are_recorded_too),
    cmocka_unit_test(chunks_carry_the_time_they_arrived),
    cmocka_unit_test(what_goes_wrong_is_named),
    cmocka_unit_test(a_finish_reason_or_the_end_mark_completes_a_stream),
    cmocka_unit_test(whole_answers_are_read),
    cmocka_unit_test(a_silent_and_a_slow_server_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
