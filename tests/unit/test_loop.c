#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop_poll.h"
#include "net/loop.h"
#include "net/timer.h"

/* A deferred call that notes its letter, and may queue or take back others. */
typedef struct noted {
  sb_deferred call;
  char letter;
  sb_loop *loop;
  struct noted *queues, *takes_back;
} noted;

static char order[64];

static void note(sb_deferred *self)
{
  noted *n = (noted *)self;
  order[strlen(order)] = n->letter;
  if (n->queues)
    sb_loop_defer(n->loop, &n->queues->call);
  if (n->takes_back)
    sb_loop_undefer(n->loop, &n->takes_back->call);
}

static sb_loop *loop;

static int open_loop(void **state)
{
  (void)state;
  memset(order, 0, sizeof order);
  loop = sb_loop_new();
  return loop ? 0 : -1;
}

static int close_loop(void **state)
{
  (void)state;
  sb_loop_free(loop);
  return 0;
}

static noted make(char letter)
{
  return (noted){ .call.run = note, .letter = letter, .loop = loop };
}

static void calls_run_once_in_the_order_they_were_queued(void **state)
{
  (void)state;
  noted a = make('a'), b = make('b'), c = make('c');
  sb_loop_defer(loop, &a.call);
  sb_loop_defer(loop, &b.call);
  sb_loop_defer(loop, &a.call);
  sb_loop_defer(loop, &c.call);
  sb_loop_step(loop);
  assert_string_equal(order, "abc");
  sb_loop_step(loop);
  assert_string_equal(order, "abc");
}

static void calls_queued_by_calls_wait_for_the_next_round(void **state)
{
  (void)state;
  noted a = make('a'), b = make('b');
  a.queues = &b;
  b.queues = &a;
  sb_loop_defer(loop, &a.call);
  assert_true(sb_loop_step(loop));
  assert_string_equal(order, "a");
  assert_true(sb_loop_step(loop));
  assert_string_equal(order, "ab");
  sb_loop_undefer(loop, &a.call);
}

static void a_call_may_queue_itself_again(void **state)
{
  (void)state;
  noted a = make('a');
  a.queues = &a;
  sb_loop_defer(loop, &a.call);
  for (int i = 0; i < 5; i++)
    assert_true(sb_loop_step(loop));
  assert_string_equal(order, "aaaaa");
  sb_loop_undefer(loop, &a.call);
}

static void a_call_taken_back_does_not_run(void **state)
{
  (void)state;
  noted a = make('a'), b = make('b'), c = make('c'), d = make('d');
  sb_loop_undefer(loop, &a.call);
  sb_loop_defer(loop, &a.call);
  sb_loop_defer(loop, &b.call);
  sb_loop_defer(loop, &c.call);
  sb_loop_undefer(loop, &b.call);
  sb_loop_undefer(loop, &c.call);
  sb_loop_defer(loop, &d.call);
  sb_loop_step(loop);
  assert_string_equal(order, "ad");
}

static void a_call_may_take_back_one_of_the_same_round(void **state)
{
  (void)state;
  noted a = make('a'), b = make('b'), c = make('c');
  a.takes_back = &b;
  sb_loop_defer(loop, &a.call);
  sb_loop_defer(loop, &b.call);
  sb_loop_defer(loop, &c.call);
  sb_loop_step(loop);
  assert_string_equal(order, "ac");
}

static void a_loop_with_nothing_left_says_so(void **state)
{
  (void)state;
  noted a = make('a');
  assert_false(sb_loop_step(loop));
  sb_loop_defer(loop, &a.call);
  sb_loop_undefer(loop, &a.call);
  assert_false(sb_loop_step(loop));
  assert_false(loop_poll(loop));
  sb_loop_defer(loop, &a.call);
  sb_loop_step(loop);
  assert_false(sb_loop_step(loop));
}

static int64_t fired_at;
static int fired;

static void on_time(sb_timer *timer)
{
  (void)timer;
  fired++;
  fired_at = sb_clock_now();
}

static void a_timer_fires_once_and_never_early(void **state)
{
  (void)state;
  sb_timer timer;
  assert_int_equal(sb_timer_init(&timer, loop, on_time, NULL), 0);
  fired = 0;
  int64_t at = sb_clock_now() + 3 * SB_NS_PER_MS;
  sb_timer_at(&timer, at + 50 * SB_NS_PER_S);
  sb_timer_at(&timer, at);
  while (!fired)
    sb_loop_step(loop);
  assert_true(fired_at >= at);
  sb_timer_at(&timer, 0); /* gone by: at once */
  while (fired < 2)
    sb_loop_step(loop);
  sb_timer_at(&timer, sb_clock_now() + SB_NS_PER_MS);
  sb_timer_stop(&timer);
  int64_t later = sb_clock_now() + 5 * SB_NS_PER_MS;
  while (sb_clock_now() < later)
    loop_poll(loop);
  assert_int_equal(fired, 2);
  assert_true(loop_poll(loop));
  sb_timer_close(&timer);
  assert_false(loop_poll(loop)); /* it alone kept the loop alive */
}

static void on_late(uv_timer_t *timer)
{
  *(bool *)timer->data = true;
}

static void a_step_with_calls_waits_for_no_event(void **state)
{
  (void)state;
  bool late = false;
  uv_timer_t timer;
  uv_timer_init(sb_loop_uv(loop), &timer);
  timer.data = &late;
  uv_timer_start(&timer, on_late, 200, 0);
  noted a = make('a');
  sb_loop_defer(loop, &a.call);
  assert_true(sb_loop_step(loop));
  assert_string_equal(order, "a");
  assert_false(late);
  assert_false(sb_loop_step(loop)); /* the timer was the last thing that could happen */
  assert_true(late);
  uv_close((uv_handle_t *)&timer, NULL);
  sb_loop_step(loop);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(calls_run_once_in_the_order_they_were_queued, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(calls_queued_by_calls_wait_for_the_next_round, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(a_call_may_queue_itself_again, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(a_call_taken_back_does_not_run, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(a_call_may_take_back_one_of_the_same_round, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(a_loop_with_nothing_left_says_so, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(a_step_with_calls_waits_for_no_event, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(a_timer_fires_once_and_never_early, open_loop, close_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
