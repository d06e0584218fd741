#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sim_fixture.h"

static const char chat[] = "/v1/chat/completions", completions[] = "/v1/completions";

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Tell me more\"}]"

static void test_keeps_to_the_limits_of_length(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  SIM_START(&s, "--speed", "1000");
  static const struct {
    const char *headers, *fields, *finish;
    int tokens;
  } cases[] = {
    { "X-Specbench-Task: exact\r\n", "\"max_tokens\":500", "stop", 17 },
    { "X-Specbench-Task: exact\r\n", "\"max_tokens\":17", "stop", 17 },
    { "X-Specbench-Task: exact\r\n", "\"max_tokens\":16", "length", 16 },
    { "X-Specbench-Task: exact\r\n", "\"max_tokens\":100,\"min_tokens\":40", "stop", 40 },
    { "X-Specbench-Task: exact\r\n", "\"max_tokens\":100,\"ignore_eos\":true", "length", 100 },
    { "X-Specbench-Task: exact\r\n", "\"max_tokens\":100,\"max_completion_tokens\":5", "length", 5 },
    { "X-Specbench-Task: exact\r\n", "\"max_completion_tokens\":null,\"seed\":-4,\"n\":1", "stop", 17 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char body[256], finish[64];
    snprintf(body, sizeof body, "{" HELLO ",%s}", cases[i].fields);
    snprintf(finish, sizeof finish, "\"finish_reason\":\"%s\"", cases[i].finish);
    sim_post(&s, chat, cases[i].headers, body, &r);
    assert_int_equal(number_after(r.body.data, "\"completion_tokens\":", 0), cases[i].tokens);
    assert_non_null(strstr(r.body.data, finish));
  }
  sim_post(&s, completions, "X-Specbench-Task: exact\r\n", "{\"prompt\":[7,8,9]}", &r);
  assert_int_equal(number_after(r.body.data, "\"completion_tokens\":", 0), 16); /* OpenAI's default */
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_names_what_is_wrong_with_a_request(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  SIM_START(&s, "--speed", "1000", "--kv-tokens", "1000");
  static const struct {
    int status;
    const char *path, *headers, *body, *param;
  } cases[] = {
    { 400, chat, "", "{", "null" },
    { 400, chat, "", "[]", "null" },
    { 400, chat, "", "", "null" },
    { 400, chat, "", "{" HELLO "} {}", "null" },
    { 400, chat, "", "{}", "\"messages\"" },
    { 400, chat, "", "{\"messages\":[]}", "\"messages\"" },
    { 400, chat, "", "{\"messages\":[{\"content\":\"x\"}]}", "\"messages\"" },
    { 400, chat, "", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}",
      "\"messages\"" },
    { 400, completions, "", "{\"prompt\":[\"a\",\"b\"]}", "\"prompt\"" },
    { 400, completions, "", "{\"prompt\":[-1]}", "\"prompt\"" },
    { 400, chat, "", "{" HELLO ",\"max_tokens\":0}", "\"max_tokens\"" },
    { 400, chat, "", "{" HELLO ",\"max_tokens\":1.5}", "\"max_tokens\"" },
    { 400, chat, "", "{" HELLO ",\"max_tokens\":2,\"min_tokens\":3}", "\"min_tokens\"" },
    { 400, chat, "", "{" HELLO ",\"temperature\":\"hot\"}", "\"temperature\"" },
    { 400, chat, "", "{" HELLO ",\"ignore_eos\":1}", "\"ignore_eos\"" },
    { 400, chat, "", "{" HELLO ",\"n\":2}", "\"n\"" },
    { 400, chat, "", "{" HELLO ",\"stream\":\"yes\"}", "\"stream\"" },
    { 400, chat, "", "{" HELLO ",\"stream_options\":{\"include_usage\":true}}", "\"stream_options\"" },
    { 400, chat, "", "{" HELLO ",\"stream\":true,\"stream_options\":{\"include_usage\":2}}",
      "\"stream_options.include_usage\"" },
    { 400, chat, "", "{" HELLO ",\"max_tokens\":32768}", "\"max_tokens\"" },
    { 400, chat, "", "{" HELLO ",\"max_tokens\":2000,\"ignore_eos\":true}", "\"max_tokens\"" },
    { 400, chat, "X-Prompt-Tokens: 40000\r\n", "{" HELLO "}", "\"max_tokens\"" },
    { 400, chat, "X-Prompt-Tokens: many\r\n", "{" HELLO "}", "\"X-Prompt-Tokens\"" },
    { 404, chat, "", "{\"model\":\"other\"," HELLO "}", "\"model\"" },
    { 400, "/tokenize", "", "{\"prompt\":1}", "\"prompt\"" },
    { 405, "/health", "", "", "null" },
    { 404, "/v1/embeddings", "", "{}", "null" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char param[64], code[32];
    sim_post(&s, cases[i].path, cases[i].headers, cases[i].body, &r);
    snprintf(param, sizeof param, "\"param\":%s", cases[i].param);
    snprintf(code, sizeof code, "\"code\":%d}}", cases[i].status);
    if (r.status != cases[i].status || !strstr(r.body.data, param) || !strstr(r.body.data, code))
      fail_msg("%s %s: %d %s", cases[i].path, cases[i].body, r.status, r.body.data);
  }
  sim_get(&s, chat, &r);
  assert_int_equal(r.status, 405);
  assert_non_null(strstr(r.head.data, "allow: POST\r\n"));
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_counts_prompts_as_tokenize_does(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  SIM_START(&s, "--speed", "1000");
  sim_post(&s, "/tokenize", "", "{\"prompt\":\"Extraordinarily good, \\u4f60\\u597d!\"}", &r);
  assert_int_equal(number_after(r.body.data, "\"count\":", 0), 3 + 1 + 1 + 2 + 1);
  assert_int_equal(count_of(strstr(r.body.data, "\"tokens\""), ","), 7);
  assert_int_equal(number_after(r.body.data, "\"max_model_len\":", 0), 32768);
  sim_post(&s, completions, "", "{\"max_tokens\":1,\"prompt\":\"Extraordinarily good, \\u4f60\\u597d!\"}",
           &r);
  assert_int_equal(number_after(r.body.data, "\"prompt_tokens\":", 0), 8);
  sim_post(&s, chat, "X-Prompt-Tokens: 123\r\n", "{" HELLO ",\"max_tokens\":1}", &r);
  assert_int_equal(number_after(r.body.data, "\"prompt_tokens\":", 0), 123);
  sim_post(&s, chat, "",
           "{\"messages\":[{\"role\":\"system\",\"content\":\"be kind\"},{\"role\":\"user\","
           "\"content\":[{\"type\":\"text\",\"text\":\"a b\"}]}],\"max_tokens\":1}",
           &r);
  assert_int_equal(number_after(r.body.data, "\"prompt_tokens\":", 0), 4);
  sim_post(&s, completions, "", "{\"prompt\":[5,6,7,8,9],\"max_tokens\":1}", &r);
  assert_int_equal(number_after(r.body.data, "\"prompt_tokens\":", 0), 5);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

int main(void)
{
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_keeps_to_the_limits_of_length),
    cmocka_unit_test(test_names_what_is_wrong_with_a_request),
    cmocka_unit_test(test_counts_prompts_as_tokenize_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
