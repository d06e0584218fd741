#ifndef SB_TIMER_H
#define SB_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

/* A one-shot timer at an absolute CLOCK_MONOTONIC time, exact to the kernel's high-resolution timers (libuv's
 * own are whole milliseconds): a timerfd on the loop. Embedded; initialise once, close once. */
typedef struct sb_timer {
  uv_poll_t poll;
  int fd;
  void (*on_time)(struct sb_timer *timer);
  void (*on_closed)(struct sb_timer *timer); /* NULL: nobody waits for it */
  void *data;                                /* the owner's */
} sb_timer;

int sb_timer_init(sb_timer *timer, uv_loop_t *loop, void (*on_time)(sb_timer *timer), sb_err *err);

/* Arms it for `at_ns` (a time gone by fires at once); arming again replaces the time. */
void sb_timer_at(sb_timer *timer, int64_t at_ns);
void sb_timer_stop(sb_timer *timer);

/* The memory may go once on_closed was called. */
void sb_timer_close(sb_timer *timer, void (*on_closed)(sb_timer *timer));

#endif
