#ifndef SB_SIM_DRIVER_H
#define SB_SIM_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"
#include "sim/engine.h"

/* Runs the pure engine (or the fixed pacer) on a loop in real, scaled or no time: a timerfd wakes it at
 * each step's end (libuv's own timers count in milliseconds), and all requests that one look at the sockets
 * brought enter together. Engine time = (wall - start) x speed; the events' due_ns is turned back into wall
 * time (CLOCK_MONOTONIC). */

typedef struct sb_sim_driver sb_sim_driver;

typedef struct sb_sim_driver_config {
  sb_sim_config engine;
  double speed;          /* engine seconds a second, > 0 */
  bool flood;            /* no pacing: the next step as soon as the last one's events are out */
  int64_t fixed_step_ns; /* > 0: the fixed pacer instead of the engine */
  int32_t fixed_tokens;  /* tokens a fixed step */
  sb_sim_event_fn on_event;
  bool (*may_run)(void *context); /* flood only: false while the clients are too far behind */
  void *context;
} sb_sim_driver_config;

sb_sim_driver *sb_sim_driver_new(sb_loop *loop, const sb_sim_driver_config *config, sb_err *err);

/* No event comes any more. */
void sb_sim_driver_free(sb_sim_driver *driver);

/* 0, or SB_EINVAL where the request can never fit. Steps that were due before are run first. */
int sb_sim_driver_submit(sb_sim_driver *driver, const sb_sim_request *request);
void sb_sim_driver_cancel(sb_sim_driver *driver, uint64_t id);

/* The engine stood still for that much wall time: its steps end as much later. */
void sb_sim_driver_delay(sb_sim_driver *driver, int64_t wall_ns);

void sb_sim_driver_counters(const sb_sim_driver *driver, sb_sim_counters *counters);

#endif
