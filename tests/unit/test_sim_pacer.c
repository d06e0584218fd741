/* Fixed pacing: every live request on one grid, and what a server that is late does with the grid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/pacer.h"

enum { STEP = 10, TOKENS = 4, MAX_EVENTS = 64 };

static sb_sim_event events[MAX_EVENTS];
static int event_count;
static sb_sim_pacer *pacer;

static int start(void **state)
{
  (void)state;
  event_count = 0;
  pacer = sb_sim_pacer_new(STEP, TOKENS);
  return 0;
}

static int end(void **state)
{
  (void)state;
  sb_sim_pacer_free(pacer);
  return 0;
}

static void keep(void *context, const sb_sim_event *event)
{
  (void)context;
  assert_true(event_count < MAX_EVENTS);
  events[event_count++] = *event;
}

static void submit(int64_t now, uint64_t id, int32_t output)
{
  sb_sim_pacer_submit(pacer, now, &(sb_sim_request){ .id = id, .prompt_tokens = 7, .output_tokens = output });
}

static void advance(int64_t now)
{
  sb_sim_pacer_advance(pacer, now, keep, NULL);
}

static void every_request_gets_its_tokens_on_the_grid(void **state)
{
  (void)state;
  assert_int_equal(sb_sim_pacer_next(pacer), INT64_MAX);
  submit(3, 1, 9);
  submit(4, 2, 4);
  assert_int_equal(sb_sim_pacer_next(pacer), 10);
  advance(9);
  assert_int_equal(event_count, 0);
  for (int64_t now = 10; now <= 30; now += STEP)
    advance(now);
  assert_int_equal(event_count, 4);
  assert_true(events[0].id == 1 && events[0].first && !events[0].last && events[0].tokens == 4);
  assert_true(events[1].id == 2 && events[1].first && events[1].last && events[1].due_ns == 10);
  assert_true(events[3].id == 1 && events[3].last && events[3].tokens == 1 && events[3].due_ns == 30);
  assert_int_equal(sb_sim_pacer_next(pacer), INT64_MAX);
}

static void a_late_server_runs_one_step_a_call_and_makes_none_up(void **state)
{
  (void)state;
  submit(3, 1, 40);
  advance(47); /* 10 is run late; of 20, 30 and 40 the latest is kept */
  assert_int_equal(event_count, 1);
  assert_int_equal(events[0].due_ns, 10);
  assert_int_equal(sb_sim_pacer_next(pacer), 40);
  advance(48);
  assert_int_equal(event_count, 2);
  assert_int_equal(events[1].due_ns, 40);
  assert_int_equal(sb_sim_pacer_next(pacer), 50);
}

static void less_than_a_step_late_keeps_every_grid_point(void **state)
{
  (void)state;
  submit(0, 1, 40);
  for (int64_t due = 10; due <= 60; due += STEP)
    advance(due + STEP - 1);
  assert_int_equal(event_count, 6);
  for (int i = 0; i < event_count; i++)
    assert_int_equal(events[i].due_ns, 10 * (i + 1));
}

static void a_cancelled_request_gets_nothing_more(void **state)
{
  (void)state;
  submit(0, 1, 40);
  submit(0, 2, 40);
  advance(10);
  sb_sim_pacer_cancel(pacer, 1);
  advance(20);
  assert_int_equal(event_count, 3);
  assert_int_equal(events[2].id, 2);
  sb_sim_counters counters;
  sb_sim_pacer_counters(pacer, &counters);
  assert_int_equal(counters.running, 1);
  assert_int_equal(counters.generation_tokens, 3 * TOKENS);
  assert_int_equal(counters.prompt_tokens, 14);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(every_request_gets_its_tokens_on_the_grid, start, end),
    cmocka_unit_test_setup_teardown(a_late_server_runs_one_step_a_call_and_makes_none_up, start, end),
    cmocka_unit_test_setup_teardown(less_than_a_step_late_keeps_every_grid_point, start, end),
    cmocka_unit_test_setup_teardown(a_cancelled_request_gets_nothing_more, start, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
