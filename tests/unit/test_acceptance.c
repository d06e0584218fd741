/* Acceptance read off the timelines, worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/acceptance.h"
#include "measure_fixture.h"

/* An answer of chunks of 1 (prefill), 4, 1, 0 (text alone), 2 and 2 tokens: 10 in all. */
static sb_record *add_answer(sb_run *run, uint32_t i)
{
  static const uint32_t tokens[] = { 1, 4, 1, 0, 2, 2 };
  sb_record *record = fixture_request(run, i, 0, 100);
  for (int c = 0; c < 6; c++)
    fixture_chunk(record, 10.0 * (c + 1), tokens[c], true);
  return record;
}

static void steps_are_chunks_after_the_first(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  sb_acceptance found;
  add_answer(run, 0);
  add_answer(run, 1);
  assert_true(sb_acceptance_measure(run, 3, &found));
  fixture_near(found.steps, 2 * 4);
  fixture_near(found.accepted_tokens, 2 * (3 + 0 + 1 + 1));
  sb_run_free(run);
}

/* With k = 3 a step that begins fewer than 4 tokens before the end may have been cut: that of the last 2. */
static void positions_leave_out_steps_at_an_answers_end(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(1);
  sb_acceptance found;
  add_answer(run, 0);
  assert_true(sb_acceptance_measure(run, 3, &found));
  fixture_near(found.whole_steps, 3);
  fixture_near(found.accepted[0], 2);
  fixture_near(found.accepted[1], 1);
  fixture_near(found.accepted[2], 1);
  fixture_near(found.accepted[3], 0);
  sb_run_free(run);
}

static void failed_requests_do_not_count(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  sb_acceptance found;
  add_answer(run, 0);
  add_answer(run, 1)->outcome = SB_OUTCOME_TRUNCATED;
  assert_true(sb_acceptance_measure(run, 3, &found));
  fixture_near(found.steps, 4);
  sb_run_free(run);
}

static void unknown_tokens_tell_nothing(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(1);
  sb_acceptance found;
  add_answer(run, 0)->token_source = SB_TOKENS_USAGE_TOTAL;
  assert_false(sb_acceptance_measure(run, 3, &found));
  sb_run_free(run);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(steps_are_chunks_after_the_first),
    cmocka_unit_test(positions_leave_out_steps_at_an_answers_end),
    cmocka_unit_test(failed_requests_do_not_count),
    cmocka_unit_test(unknown_tokens_tell_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
