#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "sim/lengths.h"

#define PROFILES SB_SOURCE_DIR "/runtime/sim/profiles/"

static const char *const shipped[] = {
  "qwen2.5-7b", "qwen2.5-7b-int4", "qwen2.5-14b",  "qwen2.5-14b-int4", "qwen2.5-72b",   "qwen2.5-72b-int4",
  "llama-3-8b", "vicuna-7b",       "llama-3.1-8b", "qwen3-8b",         "qwen3-30b-a3b",
};

static sb_sim_profile profile;
static char folder[] = "profile-XXXXXX";

static int load_shipped(const char *name, const char *method)
{
  char path[512];
  sb_err err;
  snprintf(path, sizeof path, PROFILES "%s.json", name);
  int rc = sb_sim_profile_load(&profile, path, method, &err);
  if (rc != SB_OK)
    print_message("%s\n", err.text);
  return rc;
}

static void write_file(const char *name, const char *text)
{
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

/* Loads the text as a file; checks the message where one is expected. */
static int load_text(const char *text, const char *message)
{
  char path[512];
  sb_err err = { 0 };
  write_file("case.json", text);
  snprintf(path, sizeof path, "%s/case.json", folder);
  int rc = sb_sim_profile_load(&profile, path, NULL, &err);
  if (rc != SB_OK && (!message || !strstr(err.text, message) || !strstr(err.text, "case.json")))
    fail_msg("unexpected message: %s", err.text);
  return rc;
}

#define LIMITS                                                                                  \
  "\"limits\": {\"max_num_seqs\": 8, \"max_model_len\": 100, \"max_num_batched_tokens\": 100, " \
  "\"chunked_prefill_tokens\": 64, \"kv_capacity_tokens\": 1000}"
#define METHODS                                                                         \
  "\"default_method\": \"draft\", \"methods\": {"                                       \
  "\"draft\": {\"cost\": {\"alpha\": 12, \"beta\": 1}, \"acceptance\": {"               \
  "\"default\": {\"conditional\": [0.5, 0.25]}, \"rag\": {\"conditional\": [0.75]}}}, " \
  "\"ngram\": {\"source\": \"guessed\", \"cost\": {\"alpha\": 11}, \"acceptance\": {"   \
  "\"default\": {\"conditional\": [0.1], \"draft_rate\": 0.5, \"assumed\": true}}}}"
#define OUTPUT                                                   \
  "\"output\": {\"default\": {\"mean\": 100, \"spread\": 0.5}, " \
  "\"qa\": {\"mean\": 10, \"spread\": 0}}"
#define HEAD "\"name\": \"m\", \"source\": \"measured\", \"plain\": {\"alpha\": 10}"
#define COMPLETE "{" HEAD ", " LIMITS ", " OUTPUT ", " METHODS "}"

static void every_shipped_profile_loads_with_each_of_its_methods(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
    assert_int_equal(load_shipped(shipped[i], NULL), SB_OK);
    assert_string_equal(profile.name, shipped[i]);
    assert_string_equal(profile.tasks[0].name, "default");
    assert_true(profile.speculative.alpha > 0.0 && profile.plain.prefill_token > 0.0);
    assert_true(profile.host_step > 0.0 && profile.host_step < profile.plain.alpha && profile.host_assumed);
    assert_true(sb_sim_profile_task(&profile, "specbench_math_reasoning") > 0);
    for (int t = 0; t < profile.task_count; t++)
      assert_true(profile.tasks[t].output_mean >= 1.0 && profile.tasks[t].conditional[15] > 0.0);
    if (strncmp(shipped[i], "qwen", 4) == 0)
      assert_int_equal(load_shipped(shipped[i], "ngram"), SB_OK);
  }
}

static void the_fitted_profile_holds_the_published_figures(void **state)
{
  (void)state;
  assert_int_equal(load_shipped("qwen2.5-7b", "draft"), SB_OK);
  assert_int_equal(profile.scaled, 0);
  assert_true(profile.plain.alpha == 11.20 && profile.plain.gamma == 0.081);
  assert_true(profile.speculative.beta == 1.75 && profile.speculative.epsilon == 0.098);
  const sb_sim_task *math = &profile.tasks[sb_sim_profile_task(&profile, "SpecBench_math_reasoning")];
  assert_true(math->conditional[0] == 0.92 && math->conditional[4] == 0.92 && !math->assumed);
  assert_true(profile.tasks[sb_sim_profile_task(&profile, "polish")].assumed);
}

static void scaled_profiles_say_so_and_assume_their_acceptance(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
    assert_int_equal(load_shipped(shipped[i], NULL), SB_OK);
    bool fitted = strcmp(shipped[i], "qwen2.5-7b") == 0 || strcmp(shipped[i], "llama-3-8b") == 0;
    assert_int_equal(profile.scaled, !fitted);
    for (int t = 0; profile.scaled && t < profile.task_count; t++)
      assert_true(profile.tasks[t].assumed);
  }
}

static void a_methods_figures_are_read_and_repeat_their_last_position(void **state)
{
  (void)state;
  assert_int_equal(load_text(COMPLETE, NULL), SB_OK);
  assert_string_equal(profile.method, "draft");
  assert_true(profile.speculative.alpha == 12.0);
  const double *conditional = profile.tasks[0].conditional;
  assert_true(conditional[0] == 0.5 && conditional[1] == 0.25 && conditional[15] == 0.25);
  char path[512];
  snprintf(path, sizeof path, "%s/case.json", folder);
  assert_int_equal(sb_sim_profile_load(&profile, path, "ngram", NULL), SB_OK);
  assert_true(profile.speculative.alpha == 11.0 && profile.tasks[0].draft_rate == 0.5);
  assert_string_equal(profile.source, "measured ngram: guessed");
}

static void a_task_borrows_from_default_what_it_does_not_say(void **state)
{
  (void)state;
  assert_int_equal(load_text(COMPLETE, NULL), SB_OK);
  const sb_sim_task *rag = &profile.tasks[sb_sim_profile_task(&profile, "RAG")];
  assert_true(rag->conditional[0] == 0.75 && rag->output_mean == 100.0 && !rag->assumed);
  const sb_sim_task *qa = &profile.tasks[sb_sim_profile_task(&profile, "qa")];
  assert_true(qa->conditional[1] == 0.25 && qa->output_mean == 10.0 && qa->assumed);
  assert_int_equal(sb_sim_profile_task(&profile, "unheard of"), 0);
  assert_int_equal(sb_sim_profile_task(&profile, NULL), 0);
}

static void a_profile_extends_another_of_its_folder(void **state)
{
  (void)state;
  write_file("base.json", COMPLETE);
  assert_int_equal(load_text("{\"name\": \"child\", \"extends\": \"base\", \"scaled\": true, "
                             "\"plain\": {\"alpha\": 20}, "
                             "\"methods\": {\"draft\": {\"cost\": {\"alpha\": 22}}}}",
                             NULL),
                   SB_OK);
  assert_string_equal(profile.name, "child");
  assert_true(profile.plain.alpha == 20.0 && profile.speculative.alpha == 22.0);
  assert_true(profile.speculative.beta == 1.0 && profile.max_num_seqs == 8 && profile.tasks[0].assumed);
  assert_int_equal(load_text("{\"extends\": \"case\"}", "extends: must name"), SB_EPARSE);
  assert_int_equal(load_text("{\"extends\": \"../x\"}", "extends: must name"), SB_EPARSE);
}

static void mistakes_are_named_with_file_and_field(void **state)
{
  (void)state;
  const struct {
    const char *text, *message;
  } cases[] = {
    { "", "the file: must hold" },
    { "[]", "the file: must be an object" },
    { "{", "not well-formed" },
    { COMPLETE "x", "not well-formed" },
    { "{\"nmae\": 1}", "nmae: is not a field of a profile" },
    { "{\"name\": 7}", "name: must be a string" },
    { "{\"scaled\": 1}", "scaled: must be true or false" },
    { "{\"plain\": {\"alpha\": \"x\"}}", "plain.alpha: must be a number" },
    { "{\"plain\": {\"alpha\": -1}}", "plain.alpha: must be a number from 0" },
    { "{\"plain\": {\"alhpa\": 1}}", "plain.alhpa: is not a figure of a cost" },
    { "{\"host\": {\"stpe\": 1}}", "host.stpe: is not a figure of the host" },
    { "{\"host\": {\"step\": 10.5}, " HEAD ", " LIMITS ", " OUTPUT ", " METHODS "}",
      "host.step: must not be above" },
    { "{\"limits\": {\"max_num_seqs\": 0}}", "limits.max_num_seqs: must be a whole number" },
    { "{\"limits\": {\"max_num_seqs\": 1.5}}", "limits.max_num_seqs: must be a whole number" },
    { "{\"output\": {\"qa\": 3}}", "output.qa: must be an object" },
    { "{" HEAD ", " LIMITS ", " OUTPUT "}", "default_method: is missing" },
    { "{" HEAD ", " OUTPUT ", " METHODS "}", "limits.max_num_seqs: is missing" },
    { "{" HEAD ", " LIMITS ", " METHODS "}", "output.default.mean: is missing" },
    { "{" HEAD ", " LIMITS ", " OUTPUT ", \"default_method\": \"eagle\"}", "methods.eagle: is missing" },
    { "{\"default_method\": \"d\", \"methods\": {\"d\": {\"acceptance\": {\"t\": {\"conditional\": [2]}}}}}",
      "methods.d.acceptance.t.conditional: must be a number from 0 to 1" },
    { "{\"default_method\": \"d\", \"methods\": {\"d\": {\"acceptance\": {\"t\": {}}}}}",
      "methods.d.acceptance.t: needs conditional" },
    { "{\"default_method\": \"d\", \"methods\": {\"d\": {\"acceptance\": {\"t\": {\"conditional\": []}}}}}",
      "at least one number" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(load_text(cases[i].text, cases[i].message), SB_EPARSE);
  sb_err err;
  assert_int_equal(sb_sim_profile_load(&profile, "/nowhere/profile.json", NULL, &err), SB_EIO);
  assert_non_null(strstr(err.text, "/nowhere/profile.json"));
}

static void drawn_lengths_have_the_tasks_mean_and_spread(void **state)
{
  (void)state;
  enum { DRAWS = 40000 };
  sb_sim_task task = { .output_mean = 300.0, .output_spread = 0.6 };
  double sum = 0.0, squares = 0.0;
  for (uint64_t seed = 0; seed < DRAWS; seed++) {
    int32_t length = sb_sim_length_draw(&task, seed, 1 << 20);
    assert_true(length >= 1);
    sum += length;
    squares += (double)length * length;
  }
  double mean = sum / DRAWS, spread = sqrt(squares / DRAWS - mean * mean) / mean;
  assert_true(fabs(mean - 300.0) < 4.0 && fabs(spread - 0.6) < 0.015);
  assert_int_equal(sb_sim_length_draw(&task, 5, 1 << 20), sb_sim_length_draw(&task, 5, 1 << 20));
  assert_int_equal(sb_sim_length_draw(&task, 5, 1), 1);
  for (int i = 0; i < 3; i++) {
    task.output_spread =
        (const double[]){ 0.0, 1e-12, 1e-200 }[i]; /* too small to show: 1 / spread^2 would be infinite */
    assert_int_equal(sb_sim_length_draw(&task, 5, 1 << 20), 300);
  }
}

/* The profile repeats datasets/profiles/output-lengths.json: one of them changed alone is a mistake. */
static void output_lengths_are_those_of_the_table(void **state)
{
  (void)state;
  assert_int_equal(load_shipped("qwen2.5-7b", NULL), SB_OK);
  sb_strbuf text = { 0 };
  FILE *file = fopen(SB_SOURCE_DIR "/datasets/profiles/output-lengths.json", "rb");
  assert_non_null(file);
  sb_strbuf_reserve(&text, 1 << 16);
  text.size = fread(text.data, 1, 1 << 16, file);
  fclose(file);
  sb_json j;
  sb_json_string_t key;
  int compared = 0;
  sb_json_init(&j, text.data, text.size);
  sb_json_object(&j);
  while (sb_json_key(&j, &key)) {
    if (!sb_json_is(&key, "tasks")) {
      sb_json_skip(&j);
      continue;
    }
    sb_json_object(&j);
    while (sb_json_key(&j, &key)) {
      char name[64];
      snprintf(name, sizeof name, "%.*s", (int)key.size, key.raw);
      int index = sb_sim_profile_task(&profile, name);
      assert_true(index > 0);
      double figure;
      sb_json_object(&j);
      while (sb_json_key(&j, &key)) {
        bool mean = sb_json_is(&key, "natural_mean"), spread = sb_json_is(&key, "spread");
        assert_true(sb_json_double(&j, &figure));
        if (mean)
          assert_true(figure == profile.tasks[index].output_mean);
        if (spread)
          assert_true(figure == profile.tasks[index].output_spread);
        compared += mean + spread;
      }
    }
  }
  assert_true(sb_json_done(&j));
  assert_int_equal(compared, 16);
  sb_strbuf_deinit(&text);
}

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  const char *const names[] = { "case.json", "base.json" };
  char path[512];
  for (size_t i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  return rmdir(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_shipped_profile_loads_with_each_of_its_methods),
    cmocka_unit_test(the_fitted_profile_holds_the_published_figures),
    cmocka_unit_test(scaled_profiles_say_so_and_assume_their_acceptance),
    cmocka_unit_test(a_methods_figures_are_read_and_repeat_their_last_position),
    cmocka_unit_test(a_task_borrows_from_default_what_it_does_not_say),
    cmocka_unit_test(a_profile_extends_another_of_its_folder),
    cmocka_unit_test(mistakes_are_named_with_file_and_field),
    cmocka_unit_test(drawn_lengths_have_the_tasks_mean_and_spread),
    cmocka_unit_test(output_lengths_are_those_of_the_table),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
