#ifndef SB_TIMER_H
#define SB_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/handles.h"

/* A one-shot timer at an absolute CLOCK_MONOTONIC time, exact to the kernel's high-resolution timers (libuv's
 * own are whole milliseconds): a timerfd on the loop. Embedded; initialise once, close once. */
typedef struct sb_timer {
  uv_poll_t poll;
  int fd;
  void (*on_time)(struct sb_timer *timer);
  sb_handles *handles; /* of its owner; set when it is closed */
  void *data;          /* the owner's */
} sb_timer;

int sb_timer_init(sb_timer *timer, uv_loop_t *loop, void (*on_time)(sb_timer *timer), sb_err *err);

/* Arms it for `at_ns` (a time gone by fires at once); arming again replaces the time. */
void sb_timer_at(sb_timer *timer, int64_t at_ns);
void sb_timer_stop(sb_timer *timer);

/* It is one of its owner's handles: its memory may go with them. */
void sb_timer_close(sb_timer *timer, sb_handles *handles);

#endif
