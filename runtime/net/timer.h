#ifndef SB_TIMER_H
#define SB_TIMER_H

#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"

/* A one-shot timer at an absolute CLOCK_MONOTONIC time, exact to the kernel's high-resolution timers (libuv's
 * own are whole milliseconds): a timerfd on the loop, which it keeps alive, armed or not. Embedded; initialise once, close
 * once. */
typedef struct sb_timer {
  sb_source source;
  sb_loop *loop;
  void (*on_time)(struct sb_timer *timer);
  void *data; /* the owner's */
} sb_timer;

int sb_timer_init(sb_timer *timer, sb_loop *loop, void (*on_time)(sb_timer *timer), sb_err *err);

/* Arms it for `at_ns` (a time gone by fires at once); arming again replaces the time. */
void sb_timer_at(sb_timer *timer, int64_t at_ns);
void sb_timer_stop(sb_timer *timer);

void sb_timer_close(sb_timer *timer);

#endif
