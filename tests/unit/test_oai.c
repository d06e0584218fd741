#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/oai.h"

static sb_oai_event parse(const char *text)
{
  sb_oai_event event;
  if (sb_oai_parse(text, strlen(text), &event) != SB_OK)
    fail_msg("refused: %s", text);
  return event;
}

static void assert_text(const sb_json_string_t *s, const char *want)
{
  sb_strbuf out = { 0 };
  sb_strbuf_puts(&out, "");
  sb_json_unescape(s, &out);
  assert_string_equal(out.data, want);
  sb_strbuf_deinit(&out);
}

static void assert_nothing_but(const sb_oai_event *e, bool choice)
{
  assert_int_equal(e->has_choice, choice);
  assert_false(e->done || e->is_error || e->has_text);
  assert_null(e->finish.raw);
  assert_int_equal(e->token_ids, -1);
  assert_int_equal(e->prompt_tokens, -1);
  assert_int_equal(e->completion_tokens, -1);
  assert_int_equal(e->cached_tokens, -1);
  assert_int_equal(e->predicted_n, -1);
  assert_int_equal(e->draft_n, -1);
  assert_int_equal(e->draft_accepted_n, -1);
}

static void what_is_not_said_is_absent(void **state)
{
  (void)state;
  sb_oai_event e = parse("{}");
  assert_nothing_but(&e, false);
  e = parse("{\"choices\":[],\"usage\":null,\"timings\":null,\"error\":null}");
  assert_nothing_but(&e, false);
  e = parse("{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
            "\"finish_reason\":null}]}");
  assert_nothing_but(&e, true);
  e = parse("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}");
  assert_nothing_but(&e, true);
  e = parse("{\"choices\":[{\"delta\":null,\"token_ids\":null}]}");
  assert_nothing_but(&e, true);
}

static void the_end_mark_is_known(void **state)
{
  (void)state;
  assert_true(parse("[DONE]").done);
  sb_oai_event e;
  assert_int_equal(sb_oai_parse("[DONE", 5, &e), SB_EPARSE);
  assert_int_equal(sb_oai_parse("[DONE] ", 7, &e), SB_EPARSE);
}

static void text_comes_from_chat_completion_and_reasoning_fields(void **state)
{
  (void)state;
  sb_oai_event e = parse("{\"choices\":[{\"text\":\"a\\nb\"}]}");
  assert_true(e.has_text);
  assert_text(&e.text[1], "a\nb");
  e = parse("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}");
  assert_text(&e.text[1], "x");
  e = parse("{\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"stop\"}]}");
  assert_text(&e.text[1], "whole");
  assert_true(sb_json_is(&e.finish, "stop"));
  e = parse("{\"choices\":[{\"delta\":{\"reasoning_content\":\"think\",\"content\":\"say\"}}]}");
  assert_text(&e.text[0], "think");
  assert_text(&e.text[1], "say");
  e = parse("{\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}");
  assert_true(e.has_text);
  assert_text(&e.text[0], "hm");
}

static void counts_are_read_wherever_engines_put_them(void **state)
{
  (void)state;
  sb_oai_event e =
      parse("{\"choices\":[{\"text\":\"x\",\"token_ids\":[5,6,7]}],\"usage\":{\"prompt_tokens\":10,"
            "\"completion_tokens\":3,\"total_tokens\":13,"
            "\"prompt_tokens_details\":{\"cached_tokens\":8}}}");
  assert_int_equal(e.token_ids, 3);
  assert_int_equal(e.prompt_tokens, 10);
  assert_int_equal(e.completion_tokens, 3);
  assert_int_equal(e.cached_tokens, 8);
  e = parse("{\"metrics\":{\"mean_itl_ms\":1.5,\"speculative_decoding\":{\"num_draft_tokens\":6,"
            "\"acceptance_histogram\":[0,1],\"num_accepted_draft_tokens\":3}}}");
  assert_int_equal(e.draft_n, 6);
  assert_int_equal(e.draft_accepted_n, 3);
  e = parse("{\"metrics\":{\"speculative_decoding\":null}}");
  assert_int_equal(e.draft_n, -1);
  e = parse(
      "{\"timings\":{\"predicted_n\":12.0,\"draft_n\":20,\"draft_n_accepted\":9,\"predicted_ms\":1.5}}");
  assert_int_equal(e.predicted_n, 12);
  assert_int_equal(e.draft_n, 20);
  assert_int_equal(e.draft_accepted_n, 9);
  e = parse("{\"choices\":[{\"text\":\"\",\"token_ids\":[]}],\"usage\":{\"prompt_tokens_details\":null}}");
  assert_int_equal(e.token_ids, 0);
  assert_false(e.has_text);
}

static void only_the_first_choice_counts(void **state)
{
  (void)state;
  sb_oai_event e = parse("{\"choices\":[{\"text\":\"a\"},{\"text\":\"b\",\"finish_reason\":\"stop\"}]}");
  assert_text(&e.text[1], "a");
  assert_null(e.finish.raw);
  assert_true(e.several);
  assert_true(parse("{\"choices\":[{\"index\":1,\"text\":\"b\"}]}").several);
  assert_false(parse("{\"choices\":[{\"index\":0,\"text\":\"b\"}]}").several);
  assert_false(parse("{\"choices\":[{\"index\":null,\"text\":\"b\"}]}").several);
}

static void counts_that_cannot_be_are_absent(void **state)
{
  (void)state;
  sb_oai_event e = parse("{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":9223372036854775807}}");
  assert_int_equal(e.prompt_tokens, -1);
  assert_int_equal(e.completion_tokens, -1);
  e = parse(
      "{\"usage\":{\"prompt_tokens\":2.5,\"completion_tokens\":1180591620717411303424},\"choices\":[]}");
  assert_int_equal(e.prompt_tokens, -1);
  assert_int_equal(e.completion_tokens, -1);
  e = parse("{\"usage\":{\"prompt_tokens\":-7,\"completion_tokens\":1000000000}}");
  assert_int_equal(e.prompt_tokens, -1);
  assert_int_equal(e.completion_tokens, -1);
}

static void errors_are_told_apart_and_keep_their_message(void **state)
{
  (void)state;
  sb_oai_event e = parse("{\"error\":{\"message\":\"too \\\"long\\\"\",\"type\":\"x\",\"code\":400}}");
  assert_true(e.is_error);
  assert_text(&e.error, "too \"long\"");
  e = parse("{\"error\":\"busy\"}");
  assert_true(e.is_error);
  assert_text(&e.error, "busy");
  e = parse("{\"error\":{\"code\":1}}");
  assert_true(e.is_error);
  assert_null(e.error.raw);
  assert_true(parse("{\"error\":true}").is_error);
}

static void what_is_not_a_json_object_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
    "",
    "null",
    "[]",
    "1",
    "\"x\"",
    "{",
    "{\"choices\":[{\"text\":\"a\"}]",
    "{} {}",
    "{\"choices\":[1]}",
    "{\"usage\":{\"completion_tokens\":1.}}",
    "data: {}",
    "<html>",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    sb_oai_event e;
    if (sb_oai_parse(texts[i], strlen(texts[i]), &e) != SB_EPARSE)
      fail_msg("accepted: %s", texts[i]);
  }
}

static void unknown_fields_of_any_shape_are_skipped(void **state)
{
  (void)state;
  sb_oai_event e =
      parse("{\"id\":[[{}]],\"choices\":[{\"logprobs\":{\"a\":[1.5]},\"delta\":{\"tool_calls\":[{}],"
            "\"content\":\"x\"},\"matched_stop\":2}],\"usage\":{\"x\":{\"completion_tokens\":9}}}");
  assert_text(&e.text[1], "x");
  assert_int_equal(e.completion_tokens, -1);
  e = parse("{\"choices\":{\"text\":\"not a list\"},\"usage\":7,\"timings\":[]}");
  assert_nothing_but(&e, false);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_not_said_is_absent),
    cmocka_unit_test(the_end_mark_is_known),
    cmocka_unit_test(text_comes_from_chat_completion_and_reasoning_fields),
    cmocka_unit_test(counts_are_read_wherever_engines_put_them),
    cmocka_unit_test(only_the_first_choice_counts),
    cmocka_unit_test(counts_that_cannot_be_are_absent),
    cmocka_unit_test(errors_are_told_apart_and_keep_their_message),
    cmocka_unit_test(what_is_not_a_json_object_is_refused),
    cmocka_unit_test(unknown_fields_of_any_shape_are_skipped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
