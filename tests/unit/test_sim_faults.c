#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/options.h"
#include "sim_fixture.h"

static const char chat[] = "/v1/chat/completions";

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Tell me more\"}]"

/* The code and the text of parsing `sim --profile p` with these arguments, up to the first NULL. */
static int parse_all(sb_sim_options *o, sb_err *err, const char *const args[4])
{
  char *argv[7] = { (char *)"sim", (char *)"--profile", (char *)"p" };
  int argc = 3;
  for (int i = 0; i < 4 && args[i]; i++)
    argv[argc++] = (char *)args[i];
  return sb_sim_options_parse(o, argc, argv, err);
}

static int parse(sb_sim_options *o, sb_err *err, const char *first, const char *second)
{
  return parse_all(o, err, (const char *const[4]){ first, second });
}

static void test_takes_no_option_it_does_not_know(void **state)
{
  (void)state;
  static const struct {
    const char *first, *second, *says;
  } wrong[] = {
    { "--bogus", NULL, "unknown option '--bogus'" },
    { "positional", NULL, "unknown option 'positional'" },
    { "--po", "1", "unknown option '--po'" },
    { "--port", NULL, "--port needs an argument" },
    { "--port", "65536", "from 0 to 65535" },
    { "--port", "1x", "must be a whole number" },
    { "--k", "-1", "from 0 to 16" },
    { "--speed", "0", "must be a number" },
    { "--speed", "nan", "must be a number" },
    { "--flood=1", NULL, "takes no argument" },
    { "--host", "0.0.0.0", "--allow-remote" },
    { "--tokens-per-chunk", "2", "--step-ms" },
    { "--fault", "explode", "unknown kind" },
    { "--fault", "die@0", "request's number" },
    { "--fault", "http500:3", "not usable" },
    { "--fault", "freeze", "freeze[@N]:SECONDS" },
    { "--fault", "truncate@2:x", "not usable" },
    { "--fault", "truncate@2x", "KIND[@N|%P][:ARG]" },
    { "--fault", "truncate%0", "a share above 0" },
    { "--fault", "truncate%101", "a share above 0" },
  };
  sb_sim_options o;
  sb_err err;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    err = (sb_err){ 0 };
    if (parse(&o, &err, wrong[i].first, wrong[i].second) != SB_EINVAL || !strstr(err.text, wrong[i].says))
      fail_msg("%s: '%s' instead of '%s'", wrong[i].first, err.text, wrong[i].says);
  }
  char *none[] = { (char *)"sim" };
  assert_int_equal(sb_sim_options_parse(&o, 1, none, &err), SB_EINVAL);
  assert_non_null(strstr(err.text, "--profile is missing"));
}

static void test_reads_scheduling_and_refuses_what_excludes_itself(void **state)
{
  (void)state;
  static const struct {
    const char *args[4], *says;
  } wrong[] = {
    { { "--k-by-batch-size", "[[1,7,3]]" }, "--k-by-batch-size needs --k" },
    { { "--k", "3", "--k-by-batch-size", "[[1,7,4]]" }, "has a k of 4, above --k 3" },
    { { "--k", "3", "--k-by-batch-size", "8" }, "--k-by-batch-size '8': must be [[first, last, k], ...]" },
    { { "--k", "3", "--multi-step", "8" }, "does not go with speculation: leave out --k" },
    { { "--multi-step", "8", "--chunked-prefill" }, "--multi-step with --chunked-prefill is not simulated" },
    { { "--multi-step", "0" }, "from 1 to 1024" },
    { { "--scheduler-delay-factor", "-1" }, "must be a number from 0" },
  };
  sb_sim_options o;
  sb_err err;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    err = (sb_err){ 0 };
    if (parse_all(&o, &err, wrong[i].args) != SB_EINVAL || !strstr(err.text, wrong[i].says))
      fail_msg("%s: '%s' instead of '%s'", wrong[i].args[0], err.text, wrong[i].says);
  }
  assert_int_equal(parse(&o, &err, "--multi-step=8", "--scheduler-delay-factor=0.5"), SB_OK);
  assert_true(o.multi_step == 8 && o.scheduler_delay_factor == 0.5);
  assert_int_equal(parse(&o, &err, "--k=3", "--k-by-batch-size=[[1,7,3],[8,512,0]]"), SB_OK);
  assert_true(o.k_by_batch_size.count == 2 && o.k_by_batch_size.ranges[1].first == 8);
  assert_int_equal(parse(&o, &err, "--k=3", "--multi-step=1"), SB_OK);
}

static void test_reads_options_and_faults(void **state)
{
  (void)state;
  sb_sim_options o;
  sb_err err;
  assert_int_equal(parse(&o, &err, NULL, NULL), SB_OK);
  assert_string_equal(o.host, "127.0.0.1");
  assert_string_equal(o.task, "default");
  assert_true(o.speed == 1 && o.port == 0 && o.k == 0 && o.tokens_per_chunk == 1);
  assert_int_equal(parse(&o, &err, "--k=3", "--chunked-prefill"), SB_OK);
  assert_true(o.k == 3 && o.chunked_prefill);
  assert_int_equal(parse(&o, &err, "--host", "localhost"), SB_OK);
  assert_string_equal(o.host, "127.0.0.1");
  assert_int_equal(parse(&o, &err, "--fault", "truncate@3:12"), SB_OK);
  assert_null(sb_sim_faults_find(&o.faults, 2, "", 0));
  const sb_sim_fault *fault = sb_sim_faults_find(&o.faults, 3, "", 0);
  assert_non_null(fault);
  assert_true(fault->kind == SB_SIM_FAULT_TRUNCATE && fault->argument == 12);
  assert_int_equal(parse(&o, &err, "--fault", "http429"), SB_OK);
  assert_non_null(sb_sim_faults_find(&o.faults, 1, "", 0));
  assert_non_null(sb_sim_faults_find(&o.faults, 1000, "", 0));
  assert_false(sb_sim_faults_never_ready(&o.faults));
}

static void test_says_that_it_is_loading(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  SIM_START(&s, "--load-time", "100", "--speed", "100");
  sim_get(&s, "/health", &r);
  assert_int_equal(r.status, 503);
  assert_non_null(strstr(r.body.data, "{\"error\":{"));
  sim_post(&s, chat, "", "{" HELLO "}", &r);
  assert_int_equal(r.status, 503);
  for (int i = 0; r.status == 503 && i < GIVE_UP_S * 100; i++) {
    usleep(10000);
    sim_get(&s, "/health", &r);
  }
  assert_int_equal(r.status, 200);
  sim_stop(&s);
  sim_forget(&s);
  SIM_START(&s, "--load-time", "100", "--speed", "1000", "--refuse-while-loading");
  sim_get(&s, "/health", &r); /* it says that it listens only once it is loaded */
  assert_int_equal(r.status, 200);
  sim_stop(&s);
  sim_forget(&s);
  SIM_START(&s, "--fault", "never-ready");
  sim_get(&s, "/health", &r);
  assert_int_equal(r.status, 503);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void post_twice(const char *fault, bool stream, reply *first, reply *second)
{
  sim s;
  SIM_START(&s, "--speed", "200", "--fault", fault);
  char body[160];
  snprintf(body, sizeof body, "{" HELLO ",\"max_tokens\":20,\"ignore_eos\":true,\"stream\":%s}",
           stream ? "true" : "false");
  sim_post(&s, chat, "", body, first);
  sim_post(&s, chat, "", body, second);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_refuses_on_purpose(void **state)
{
  (void)state;
  static const struct {
    const char *fault;
    int status;
  } cases[] = {
    { "http500@1", 500 },
    { "http429@1", 429 },
    { "http404@1", 404 },
    { "not-sse@1", 200 },
  };
  reply one = { 0 }, two = { 0 };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    post_twice(cases[i].fault, true, &one, &two);
    assert_int_equal(one.status, cases[i].status);
    assert_true(one.complete);
    assert_non_null(strstr(one.head.data, cases[i].status == 200 ? "text/html" : "application/json"));
    assert_int_equal(two.status, 200);
    assert_non_null(strstr(two.body.data, "data: [DONE]"));
  }
  reply_free(&one);
  reply_free(&two);
}

static void test_breaks_answers_on_purpose(void **state)
{
  (void)state;
  reply one = { 0 }, two = { 0 };
  for (int stream = 0; stream < 2; stream++) {
    post_twice("truncate@2:7", stream, &one, &two);
    assert_true(one.complete);
    assert_int_equal(two.status, 200);
    assert_false(two.complete);
    assert_int_equal(count_of(two.body.data, "\"content\":\""), stream ? 8 : 1); /* the role's, then 7 */
    post_twice("error-event", stream, &one, &two);
    assert_true(one.complete && two.complete);
    assert_int_equal(one.status, stream ? 200 : 500);
    assert_int_equal(count_of(one.body.data, "\"error\":{"), 1);
    assert_int_equal(count_of(two.body.data, "\"content\":\""), stream ? 11 : 0);
  }
  reply_free(&one);
  reply_free(&two);
}

static void test_falls_silent_on_purpose(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  sb_strbuf truth = { 0 };
  SIM_START(&s, "--speed", "200", "--max-num-seqs", "1", "--fault", "silence@1:3");
  static const char body[] = "{" HELLO ",\"max_tokens\":20,\"ignore_eos\":true,\"stream\":true}";
  int fd = sim_connect(&s);
  send_post(fd, chat, "", body);
  sim_post(&s, chat, "", body, &r); /* the silent one has left the engine */
  assert_true(r.complete);
  char part[8192];
  ssize_t n = read(fd, part, sizeof part);
  assert_true(n > 0);
  close(fd);
  sim_truth(&s, 2, &truth);
  assert_int_equal(count_of(truth.data, "\"end\": \"fault\""), 1);
  sb_strbuf_deinit(&truth);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

static void test_dies_and_freezes_on_purpose(void **state)
{
  (void)state;
  sim s;
  reply r = { 0 };
  sb_strbuf truth = { 0 };
  static const char body[] = "{" HELLO ",\"max_tokens\":5,\"ignore_eos\":true,\"stream\":true}";
  SIM_START(&s, "--speed", "200", "--fault", "die@2:7");
  sim_post(&s, chat, "", body, &r);
  assert_true(r.complete);
  sim_post(&s, chat, "", body, &r);
  assert_int_equal(r.status, 0);
  assert_int_equal(sim_wait(&s), 7);
  sim_truth(&s, 2, &truth);
  sim_forget(&s);
  SIM_START(&s, "--speed", "100", "--fault", "freeze@1:20");
  sim_post(&s, chat, "", body, &r);
  assert_true(r.complete);
  sim_truth(&s, 1, &truth);
  int64_t received = number_after(truth.data, "\"t_recv_ns\": ", 0);
  assert_true(number_after(truth.data, "\"chunks\": [[", 0) - received >= 200000000);
  sb_strbuf_deinit(&truth);
  reply_free(&r);
  sim_stop(&s);
  sim_forget(&s);
}

int main(void)
{
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_takes_no_option_it_does_not_know),
    cmocka_unit_test(test_reads_scheduling_and_refuses_what_excludes_itself),
    cmocka_unit_test(test_reads_options_and_faults),
    cmocka_unit_test(test_says_that_it_is_loading),
    cmocka_unit_test(test_refuses_on_purpose),
    cmocka_unit_test(test_breaks_answers_on_purpose),
    cmocka_unit_test(test_falls_silent_on_purpose),
    cmocka_unit_test(test_dies_and_freezes_on_purpose),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
