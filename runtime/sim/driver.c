#include "sim/driver.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "net/timer.h"
#include "sim/pacer.h"

struct sb_sim_driver {
  sb_sim_driver_config config;
  sb_sim_engine *engine; /* one of the two */
  sb_sim_pacer *pacer;
  int64_t start;     /* wall time of engine time 0 */
  int64_t flood_now; /* engine time under flood */
  int64_t armed;     /* wall time the timer is set to; INT64_MAX: to none */
  sb_timer timer;
  sb_loop *loop;
  sb_deferred entry; /* queued since requests were submitted */
  sb_deferred flood; /* queued while there is work under flood */
  bool advancing;    /* the engine calls back: it must not be advanced again from there */
};

static int64_t engine_now(const sb_sim_driver *d)
{
  if (d->config.flood)
    return d->flood_now;
  return (int64_t)((double)(sb_clock_now() - d->start) * d->config.speed);
}

static int64_t to_wall(const sb_sim_driver *d, int64_t engine_ns)
{
  if (d->config.flood)
    return sb_clock_now();
  return d->start + (int64_t)((double)engine_ns / d->config.speed);
}

static int64_t next_step(const sb_sim_driver *d)
{
  return d->pacer ? sb_sim_pacer_next(d->pacer) : sb_sim_engine_next(d->engine);
}

static void on_engine_event(void *context, const sb_sim_event *event)
{
  sb_sim_driver *d = context;
  sb_sim_event wall = *event;
  wall.due_ns = to_wall(d, event->due_ns);
  d->config.on_event(d->config.context, &wall);
}

static void advance(sb_sim_driver *d, int64_t now)
{
  if (d->advancing)
    return;
  d->advancing = true;
  sb_loop_undefer(d->loop, &d->entry);
  if (d->pacer)
    sb_sim_pacer_advance(d->pacer, now, on_engine_event, d);
  else
    sb_sim_engine_advance(d->engine, now, on_engine_event, d);
  d->advancing = false;
}

static void arm(sb_sim_driver *d)
{
  int64_t next = next_step(d);
  if (d->config.flood) {
    if (next == INT64_MAX)
      sb_loop_undefer(d->loop, &d->flood);
    else
      sb_loop_defer(d->loop, &d->flood);
    return;
  }
  int64_t wall = next == INT64_MAX ? INT64_MAX : to_wall(d, next) + 1; /* +1: rounded down above */
  if (wall == d->armed)
    return;
  d->armed = wall;
  if (wall == INT64_MAX)
    sb_timer_stop(&d->timer);
  else
    sb_timer_at(&d->timer, wall);
}

static void run_due(sb_sim_driver *d)
{
  advance(d, engine_now(d));
  arm(d);
}

/* One step a turn of the loop, so that sockets get theirs. */
static void on_flood(sb_deferred *self)
{
  sb_sim_driver *d = (sb_sim_driver *)((char *)self - offsetof(sb_sim_driver, flood));
  if (!d->config.may_run(d->config.context)) {
    sb_loop_defer(d->loop, self);
    return;
  }
  int64_t next = next_step(d);
  if (next != INT64_MAX && next > d->flood_now)
    d->flood_now = next;
  run_due(d);
}

static void on_timer(sb_timer *timer)
{
  sb_sim_driver *d = timer->data;
  d->armed = INT64_MAX;
  run_due(d);
}

/* Requests that came in one round of the loop enter together, as a scheduler's step would take them. */
static void on_entry(sb_deferred *self)
{
  run_due((sb_sim_driver *)((char *)self - offsetof(sb_sim_driver, entry)));
}

sb_sim_driver *sb_sim_driver_new(sb_loop *loop, const sb_sim_driver_config *config, sb_err *err)
{
  sb_sim_driver *d = sb_calloc(1, sizeof *d);
  if (sb_timer_init(&d->timer, loop, on_timer, err)) {
    free(d);
    return NULL;
  }
  d->config = *config;
  if (config->fixed_step_ns > 0)
    d->pacer = sb_sim_pacer_new(config->fixed_step_ns, config->fixed_tokens);
  else
    d->engine = sb_sim_engine_new(&config->engine);
  d->start = sb_clock_now();
  d->armed = INT64_MAX;
  d->loop = loop;
  d->flood.run = on_flood;
  d->entry.run = on_entry;
  d->timer.data = d;
  return d;
}

void sb_sim_driver_free(sb_sim_driver *d)
{
  if (!d)
    return;
  sb_sim_engine_free(d->engine);
  sb_sim_pacer_free(d->pacer);
  sb_loop_undefer(d->loop, &d->entry);
  sb_loop_undefer(d->loop, &d->flood);
  sb_timer_close(&d->timer);
  free(d);
}

int sb_sim_driver_submit(sb_sim_driver *d, const sb_sim_request *request)
{
  int64_t now = engine_now(d);
  if (!d->advancing && next_step(d) <= now)
    advance(d, now); /* the engine would take the request into a step that ended before it came */
  sb_loop_defer(d->loop, &d->entry);
  if (!d->pacer)
    return sb_sim_engine_submit(d->engine, now, request);
  sb_sim_pacer_submit(d->pacer, now, request);
  return SB_OK;
}

void sb_sim_driver_cancel(sb_sim_driver *d, uint64_t id)
{
  if (d->pacer)
    sb_sim_pacer_cancel(d->pacer, id);
  else
    sb_sim_engine_cancel(d->engine, engine_now(d), id);
}

void sb_sim_driver_delay(sb_sim_driver *d, int64_t wall_ns)
{
  d->start += wall_ns;
  arm(d);
}

void sb_sim_driver_counters(const sb_sim_driver *d, sb_sim_counters *counters)
{
  if (d->pacer)
    sb_sim_pacer_counters(d->pacer, counters);
  else
    sb_sim_engine_counters(d->engine, counters);
}
