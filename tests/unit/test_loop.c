#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_limit.h"
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

/* A source that is readable from the beginning, counts its callbacks, and may end another or do something else. */
typedef struct ready {
  sb_source source;
  int calls;
  sb_turn turn;
  struct ready *ends;
  void (*also)(void);
} ready;

static void on_ready(sb_source *source, uint32_t events)
{
  ready *r = (ready *)source;
  assert_int_equal(events, EPOLLIN);
  r->calls++;
  r->turn = *sb_loop_turn(loop);
  if (r->ends)
    sb_loop_unwatch(loop, &r->ends->source);
  if (r->also)
    r->also();
}

static void watch(ready *r, uint32_t events)
{
  int fd = eventfd(1, EFD_CLOEXEC);
  assert_true(fd >= 0);
  r->source.on_ready = on_ready;
  assert_true(sb_loop_watch(loop, &r->source, fd, events));
  sb_loop_hold(loop);
}

static void end(ready *r)
{
  int fd = r->source.fd;
  sb_loop_unwatch(loop, &r->source);
  close(fd);
  sb_loop_let_go(loop);
}

static void a_source_is_reported_until_it_was_read(void **state)
{
  (void)state;
  ready level = { 0 }, edge = { 0 };
  watch(&level, EPOLLIN);
  watch(&edge, EPOLLIN | EPOLLET);
  for (int i = 0; i < 3; i++)
    assert_true(loop_poll(loop));
  assert_in_range(level.calls, 3, 6); /* after a look that took long there is another */
  assert_int_equal(edge.calls, 1);
  end(&level);
  end(&edge);
  assert_false(loop_poll(loop));
}

static void nothing_comes_of_a_source_that_another_of_its_batch_ended(void **state)
{
  (void)state;
  ready one = { 0 }, two = { 0 };
  watch(&one, EPOLLIN);
  watch(&two, EPOLLIN);
  int fds[] = { one.source.fd, two.source.fd };
  one.ends = &two;
  two.ends = &one;
  assert_true(loop_poll(loop));
  assert_int_equal(one.calls + two.calls, 1);
  for (int i = 0; i < 2; i++) {
    sb_loop_unwatch(loop, i ? &two.source : &one.source);
    close(fds[i]);
    sb_loop_let_go(loop);
  }
}

static bool timer_fired;
static uv_timer_t uv_timer;
static uv_poll_t uv_poll;

static void on_uv_timer(uv_timer_t *timer)
{
  (void)timer;
  timer_fired = true;
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
  (void)events;
  assert_int_equal(status, 0);
  uv_poll_stop(poll);
}

static void start_both(void)
{
  uv_poll_start(&uv_poll, UV_READABLE, on_uv_poll);
  uv_timer_start(&uv_timer, on_uv_timer, 5, 0);
}

/* libuv tells the kernel of them in its own next turn only. */
static void handles_of_libuv_that_a_source_starts_are_waited_for(void **state)
{
  (void)state;
  ready r = { .also = start_both };
  int fd = eventfd(1, EFD_CLOEXEC);
  uv_timer_init(sb_loop_uv(loop), &uv_timer);
  uv_poll_init(sb_loop_uv(loop), &uv_poll, fd);
  timer_fired = false;
  watch(&r, EPOLLIN | EPOLLET);
  int64_t start = sb_clock_now();
  sb_loop_step(loop);
  assert_int_equal(r.calls, 1);
  while (uv_is_active((uv_handle_t *)&uv_poll))
    sb_loop_step(loop); /* would wait for ever */
  assert_false(timer_fired && sb_clock_now() - start < 5 * SB_NS_PER_MS);
  while (!timer_fired)
    sb_loop_step(loop);
  assert_true(sb_clock_now() - start >= 5 * SB_NS_PER_MS);
  end(&r);
  uv_close((uv_handle_t *)&uv_poll, NULL);
  uv_close((uv_handle_t *)&uv_timer, NULL);
  while (sb_loop_step(loop))
    continue;
  close(fd);
}

static void busy_sources_keep_no_timer_of_libuv_waiting(void **state)
{
  (void)state;
  ready r = { 0 };
  watch(&r, EPOLLIN);
  uv_timer_init(sb_loop_uv(loop), &uv_timer);
  timer_fired = false;
  uv_timer_start(&uv_timer, on_uv_timer, 5, 0);
  while (!timer_fired)
    sb_loop_step(loop);
  assert_true(r.calls > 1);
  end(&r);
  uv_close((uv_handle_t *)&uv_timer, NULL);
  while (sb_loop_step(loop))
    continue;
}

/* What a look has no room for may have been ready for as long as what it took. */
static void more_sources_than_a_batch_holds_were_all_ready_at_once(void **state)
{
  (void)state;
  enum { MANY = 1500 };
  static ready many[MANY];
  if (!sb_file_limit_raise() || getdtablesize() < MANY + 100)
    skip();
  memset(many, 0, sizeof many);
  loop_poll(loop);
  int64_t t = sb_clock_now();
  for (int i = 0; i < MANY; i++)
    watch(&many[i], EPOLLIN | EPOLLET);
  int64_t all_ready = sb_clock_now();
  int turns = 0, calls = 0;
  for (; calls < MANY; turns++) {
    assert_true(loop_poll(loop));
    calls = 0;
    for (int i = 0; i < MANY; i++)
      calls += many[i].calls;
  }
  assert_int_equal(turns, 2);
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(many[i].calls, 1);
    assert_true(many[i].turn.t_ready >= all_ready);
    assert_true(many[i].turn.t_empty <= t);
    end(&many[i]);
  }
}

/* How long a look waited says nothing of those that it did not report: there is another. */
static void what_a_look_did_not_report_was_not_ready_when_it_ended(void **state)
{
  (void)state;
  ready late = { 0 };
  sb_timer timer;
  assert_int_equal(sb_timer_init(&timer, loop, on_time, NULL), 0);
  fired = 0;
  int64_t at = sb_clock_now() + 10 * SB_NS_PER_MS;
  sb_timer_at(&timer, at);
  while (!fired)
    sb_loop_step(loop);
  watch(&late, EPOLLIN);
  sb_loop_step(loop);
  assert_int_equal(late.calls, 1);
  assert_true(late.turn.t_empty >= at);
  end(&late);
  sb_timer_close(&timer);
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
    cmocka_unit_test_setup_teardown(a_source_is_reported_until_it_was_read, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(nothing_comes_of_a_source_that_another_of_its_batch_ended, open_loop,
                                    close_loop),
    cmocka_unit_test_setup_teardown(handles_of_libuv_that_a_source_starts_are_waited_for, open_loop,
                                    close_loop),
    cmocka_unit_test_setup_teardown(busy_sources_keep_no_timer_of_libuv_waiting, open_loop, close_loop),
    cmocka_unit_test_setup_teardown(more_sources_than_a_batch_holds_were_all_ready_at_once, open_loop,
                                    close_loop),
    cmocka_unit_test_setup_teardown(what_a_look_did_not_report_was_not_ready_when_it_ended, open_loop,
                                    close_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
