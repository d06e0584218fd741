#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim_fixture.h"

static const char chat[] = "/v1/chat/completions", completions[] = "/v1/completions";

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Tell me more\"}]"

static void test_streams_steps_whose_usage_adds_up(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  sb_strbuf text = { 0 };
  SIM_START(&s, "--k", "3", "--speed", "50", "--model", "served \"name\"");
  sim_post(&s, chat, "",
           "{\"model\":\"served \\\"name\\\"\"," HELLO ",\"max_tokens\":50,\"ignore_eos\":true,"
           "\"stream\":true,\"return_token_ids\":true,"
           "\"stream_options\":{\"include_usage\":true,\"continuous_usage_stats\":true}}",
           &r);
  assert_int_equal(r.status, 200);
  assert_true(r.complete && r.chunked);
  assert_non_null(strstr(r.head.data, "content-type: text/event-stream"));
  assert_int_equal(count_of(r.body.data, "\"model\":\"served \\\"name\\\"\""),
                   count_of(r.body.data, "\"id\":"));
  assert_int_equal(count_of(r.body.data, "\"role\":\"assistant\""), 1);
  assert_int_equal(count_of(r.body.data, "\"finish_reason\":\"length\""), 1);
  assert_non_null(strstr(r.body.data, "\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"total_tokens\":53,"
                                      "\"completion_tokens\":50}}\n\ndata: [DONE]\n\n"));
  int events = count_of(r.body.data, "data: {"), ids = 0;
  int64_t before = 0;
  for (int i = 0; i < events - 1; i++) {
    int64_t now = number_after(r.body.data, "\"completion_tokens\":", i);
    assert_true(i == 0 ? now == 0 : now > before && now - before <= 4); /* the role first, then 1 to k + 1 */
    before = now;
  }
  assert_int_equal(before, 50);
  for (const char *at = r.body.data; (at = strstr(at, "\"token_ids\":[")); ids++)
    for (at += 13; *at != ']'; at++)
      ids += *at == ',';
  assert_int_equal(ids, 50);
  answer_text(r.body.data, "content", &text);
  assert_int_equal(count_of(text.data, " "), 49);
  sb_strbuf_deinit(&text);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

/* One prompt's text and completion_tokens from a server with that k, streamed or not. */
static int64_t answer(const char *k, bool stream, bool is_chat, sb_strbuf *text)
{
  sim s;
  reply r = { 0 };
  char body[256];
  SIM_START(&s, "--k", k, "--speed", "100");
  snprintf(body, sizeof body, "{%s,\"max_tokens\":900,\"stream\":%s}",
           is_chat ? HELLO : "\"prompt\":\"Tell me more\"",
           stream ? "true,\"stream_options\":{\"include_usage\":true}" : "false");
  sim_post(&s, is_chat ? chat : completions, "", body, &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(count_of(r.body.data, "\"finish_reason\":\"stop\""), 1);
  assert_int_equal(count_of(r.body.data, "\"usage\""), 1);
  answer_text(r.body.data, is_chat ? "content" : "text", text);
  int64_t tokens = number_after(r.body.data, "\"completion_tokens\":", 0);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
  return tokens;
}

static void test_speculation_and_streaming_change_no_answer(void **state)
{
  (void)state;
  for (int is_chat = 0; is_chat < 2; is_chat++) {
    sb_strbuf plain = { 0 }, other = { 0 };
    int64_t tokens = answer("0", false, is_chat, &plain);
    assert_int_equal(count_of(plain.data, " "), tokens - 1);
    for (int i = 0; i < 3; i++) {
      assert_int_equal(answer(i ? "3" : "0", i != 1, is_chat, &other), tokens);
      assert_string_equal(other.data, plain.data);
    }
    sb_strbuf_deinit(&plain);
    sb_strbuf_deinit(&other);
  }
}

static int64_t metric(const char *page, const char *name)
{
  char start[128];
  snprintf(start, sizeof start, "\n%s", name);
  const char *line = strstr(page, start);
  if (!line)
    fail_msg("no %s in: %s", name, page);
  return (int64_t)strtod(strchr(line, '}') + 2, NULL);
}

static void test_counters_agree_with_the_truth_log(void **state)
{
  (void)state;
  enum { REQUESTS = 5 };
  sim s;
  reply r = { 0 };
  sb_strbuf truth = { 0 };
  SIM_START(&s, "--k", "2", "--speed", "200");
  for (int i = 0; i < REQUESTS; i++) {
    char headers[64];
    snprintf(headers, sizeof headers, "X-Request-Id: id-%d\r\n", i);
    sim_post(&s, chat, headers, "{" HELLO ",\"max_tokens\":30,\"ignore_eos\":true,\"stream\":true}", &r);
    assert_true(r.complete);
  }
  sim_truth(&s, REQUESTS, &truth);
  sim_get(&s, "/metrics", &r);
  int64_t tokens = 0, chunks = 0;
  for (const char *at = truth.data; (at = strstr(at, "\"chunks\": ["));) {
    const char *end = strstr(at, "]]");
    for (at += 11; at < end; at = strchr(at, ']') + 1) {
      int64_t due, written, n;
      at = strchr(at, '[');
      assert_int_equal(sscanf(at, "[%" SCNd64 ", %" SCNd64 ", %" SCNd64 "]", &due, &written, &n), 3);
      assert_true(written >= due);
      tokens += n;
      chunks++;
    }
  }
  assert_int_equal(tokens, 30 * REQUESTS);
  assert_int_equal(metric(r.body.data, "vllm:generation_tokens_total"), tokens);
  assert_int_equal(metric(r.body.data, "vllm:prompt_tokens_total"), 3 * REQUESTS);
  assert_int_equal(metric(r.body.data, "vllm:num_requests_running"), 0);
  assert_int_equal(metric(r.body.data, "vllm:request_success_total{engine=\"0\",finished_reason=\"length\""),
                   REQUESTS);
  int64_t drafts = metric(r.body.data, "vllm:spec_decode_num_drafts_total");
  int64_t accepted = metric(r.body.data, "vllm:spec_decode_num_accepted_tokens_total");
  int64_t first = metric(r.body.data, "vllm:spec_decode_num_accepted_tokens_per_pos_total{engine=\"0\","
                                      "model_name=\"tiny\",position=\"0\"");
  int64_t second = metric(r.body.data, "vllm:spec_decode_num_accepted_tokens_per_pos_total{engine=\"0\","
                                       "model_name=\"tiny\",position=\"1\"");
  assert_int_equal(drafts, chunks - REQUESTS); /* every chunk but a prefill's is a verified draft */
  assert_int_equal(metric(r.body.data, "vllm:spec_decode_num_draft_tokens_total"), 2 * drafts);
  assert_int_equal(first + second, accepted);
  assert_int_equal(number_after(truth.data, "\"drafts\": ", REQUESTS - 1), drafts);
  assert_int_equal(number_after(truth.data, "\"accepted_tokens\": ", REQUESTS - 1), accepted);
  assert_int_equal(count_of(r.body.data, "# TYPE vllm:spec_decode_num_drafts_total counter\n"), 1);
  assert_int_equal(count_of(r.body.data, "# HELP vllm:spec_decode_num_drafts_created "), 1);
  assert_int_equal(number_after(truth.data, "\"request_id\": \"id-", REQUESTS - 1), REQUESTS - 1);
  sb_strbuf_deinit(&truth);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

/* What each answer says of its own drafts adds up to the engine's counters; unasked for, it says nothing. */
static void test_says_each_requests_acceptance(void **state)
{
  (void)state;
  static const char usage[] = ",\"max_tokens\":30,\"ignore_eos\":true,\"stream\":true,"
                              "\"stream_options\":{\"include_usage\":true}}";
  sim s;
  reply r = { 0 };
  char body[256];
  int64_t drafted = 0, accepted = 0;
  SIM_START(&s, "--k", "2", "--speed", "200", "--per-request-acceptance");
  for (int i = 0; i < 3; i++) {
    snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%d\"}]%s", i, usage);
    sim_post(&s, chat, "", body, &r);
    drafted += number_after(r.body.data, "\"num_draft_tokens\":", 0);
    accepted += number_after(r.body.data, "\"num_accepted_draft_tokens\":", 0);
  }
  sim_post(&s, chat, "", "{" HELLO ",\"max_tokens\":30,\"ignore_eos\":true}", &r);
  drafted += number_after(r.body.data, "\"num_draft_tokens\":", 0);
  accepted += number_after(r.body.data, "\"num_accepted_draft_tokens\":", 0);
  sim_get(&s, "/metrics", &r);
  assert_true(accepted > 0);
  assert_int_equal(metric(r.body.data, "vllm:spec_decode_num_draft_tokens_total"), drafted);
  assert_int_equal(metric(r.body.data, "vllm:spec_decode_num_accepted_tokens_total"), accepted);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_streams_a_chunk_a_plan_under_multi_step(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  SIM_START(&s, "--multi-step", "8", "--speed", "200");
  sim_post(&s, chat, "",
           "{" HELLO ",\"max_tokens\":20,\"ignore_eos\":true,\"stream\":true,"
           "\"stream_options\":{\"include_usage\":true,\"continuous_usage_stats\":true}}",
           &r);
  static const int64_t expected[] = { 0, 1, 9, 17, 20, 20 }; /* the role, the prefill's token, three plans */
  for (int i = 0; i < 6; i++)
    assert_int_equal(number_after(r.body.data, "\"completion_tokens\":", i), expected[i]);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_keeps_connections_and_answers_the_small_pages(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  sb_strbuf rest = { 0 };
  SIM_START(&s, "--speed", "1000");
  int fd = sim_connect(&s);
  static const char body[] = "{" HELLO ",\"max_tokens\":4,\"stream\":true}";
  for (int i = 0; i < 3; i++)
    send_post(fd, chat, "", body); /* pipelined */
  for (int i = 0; i < 3; i++) {
    read_reply(fd, &r, &rest);
    assert_true(r.complete && r.chunked);
    assert_non_null(strstr(r.body.data, "data: [DONE]\n\n"));
  }
  send_text(fd, "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\n\r\n");
  read_reply(fd, &r, &rest);
  assert_non_null(strstr(r.body.data, "\"data\":[{\"id\":\"tiny\",\"object\":\"model\""));
  read_reply(fd, &r, &rest);
  assert_non_null(strstr(r.body.data, "{\"version\":\""));
  assert_non_null(strstr(r.body.data, "\"clock_scale\":1000}"));
  send_post(fd, "/reset_prefix_cache", "", "");
  read_reply(fd, &r, &rest);
  assert_string_equal(r.body.data, "{\"success\":true}");
  assert_int_equal(rest.size, 0);
  close(fd);
  sb_strbuf_deinit(&rest);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_a_vanished_client_frees_its_place(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  sb_strbuf truth = { 0 };
  SIM_START(&s, "--max-num-seqs", "1", "--speed", "10"); /* the first answer would take 30 s */
  int fd = sim_connect(&s);
  send_post(fd, chat, "X-Request-Id: gone\r\n",
            "{" HELLO ",\"max_tokens\":30000,\"ignore_eos\":true,\"stream\":true}");
  char first[16];
  assert_true(read(fd, first, sizeof first) > 0);
  sim_get(&s, "/metrics", &r);
  assert_int_equal(metric(r.body.data, "vllm:num_requests_running"), 1);
  close(fd);
  sim_post(&s, chat, "X-Request-Id: next\r\n", "{" HELLO ",\"max_tokens\":2,\"ignore_eos\":true}", &r);
  assert_int_equal(r.status, 200);
  sim_truth(&s, 2, &truth);
  assert_non_null(strstr(truth.data, "{\"request_id\": \"gone\""));
  assert_int_equal(count_of(truth.data, "\"end\": \"abort\""), 1);
  assert_int_equal(number_after(truth.data, "\"output_tokens\": ", 1), 2);
  sim_get(&s, "/metrics", &r);
  assert_int_equal(metric(r.body.data, "vllm:request_success_total{engine=\"0\",finished_reason=\"abort\""),
                   1);
  assert_int_equal(metric(r.body.data, "vllm:num_requests_running"), 0);
  sb_strbuf_deinit(&truth);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_ends_streams_when_it_is_told_to_stop(void **state)
{
  (void)state;
  sim s;
  sb_strbuf truth = { 0 };
  SIM_START(&s, "--speed", "10");
  int fd = sim_connect(&s);
  send_post(fd, chat, "", "{" HELLO ",\"max_tokens\":30000,\"ignore_eos\":true,\"stream\":true}");
  char first[16];
  assert_true(read(fd, first, sizeof first) > 0);
  sim_stop(&s);
  sim_truth(&s, 1, &truth);
  assert_int_equal(count_of(truth.data, "\"end\": \"shutdown\""), 1);
  close(fd);
  sb_strbuf_deinit(&truth);
  sim_forget(&s);
}

/* The due times of the only request's chunks, in microseconds after the first one. */
static int due_times(const sim *s, double *due_us, int most)
{
  sb_strbuf truth = { 0 };
  sim_truth(s, 1, &truth);
  const char *at = strstr(truth.data, "\"chunks\": [[") + 11;
  int count = 0;
  int64_t origin = 0, due;
  while (count < most && at && sscanf(at, "[%" SCNd64, &due) == 1) {
    if (count == 0)
      origin = due;
    due_us[count++] = (double)(due - origin) / 1000;
    at = strstr(at, ", [");
    at = at ? at + 2 : NULL;
  }
  sb_strbuf_deinit(&truth);
  return count;
}

static void test_runs_the_engine_s_clock_faster(void **state)
{
  (void)state;
  double due[20];
  const char *const speeds[] = { "1", "20" };
  for (int i = 0; i < 2; i++) {
    sim s;
    reply r = { 0 };
    SIM_START(&s, "--speed", speeds[i]);
    sim_post(&s, chat, "", "{" HELLO ",\"max_tokens\":11,\"ignore_eos\":true,\"stream\":true}", &r);
    assert_true(r.complete);
    assert_int_equal(due_times(&s, due, 20), 11);
    double step_us = due[10] / 10 * atof(speeds[i]);
    assert_true(step_us > 10099 && step_us < 10101); /* alpha + gamma = 10.1 ms */
    reply_free(&r);
    sim_stop(&s);
    sim_forget(&s);
  }
}

static void test_paces_by_fixed_steps_or_not_at_all(void **state)
{
  (void)state;
  double due[40];
  sim s;
  reply r = { 0 };
  static const char body[] = "{" HELLO ",\"max_tokens\":50,\"ignore_eos\":true,\"stream\":true}";
  SIM_START(&s, "--step-ms", "2", "--tokens-per-chunk", "4");
  sim_post(&s, chat, "", body, &r);
  assert_true(r.complete);
  assert_int_equal(due_times(&s, due, 40), 13);
  for (int i = 1; i < 13; i++) { /* a server that is late leaves steps out, and keeps the grid */
    double steps = round((due[i] - due[i - 1]) / 2000);
    assert_true(steps >= 1 && fabs(due[i] - due[i - 1] - 2000 * steps) < 1);
  }
  sim_stop(&s);
  sim_forget(&s);
  SIM_START(&s, "--flood", "--k", "3");
  sim_post(&s, chat, "", "{" HELLO ",\"max_tokens\":30000,\"ignore_eos\":true,\"stream\":true}", &r);
  assert_true(r.complete);
  assert_int_equal(count_of(r.body.data, "data: [DONE]"), 1);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

int main(void)
{
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_streams_steps_whose_usage_adds_up),
    cmocka_unit_test(test_speculation_and_streaming_change_no_answer),
    cmocka_unit_test(test_counters_agree_with_the_truth_log),
    cmocka_unit_test(test_says_each_requests_acceptance),
    cmocka_unit_test(test_streams_a_chunk_a_plan_under_multi_step),
    cmocka_unit_test(test_keeps_connections_and_answers_the_small_pages),
    cmocka_unit_test(test_a_vanished_client_frees_its_place),
    cmocka_unit_test(test_ends_streams_when_it_is_told_to_stop),
    cmocka_unit_test(test_runs_the_engine_s_clock_faster),
    cmocka_unit_test(test_paces_by_fixed_steps_or_not_at_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
