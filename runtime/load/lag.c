#include "load/lag.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/handles.h"
#include "base/strbuf.h"
#include "load/realtime.h"
#include "measure/samples.h"
#include "net/timer.h"

struct sb_lag {
  const sb_http *http;
  sb_timer timer;
  uv_check_t after_batch;
  sb_handles handles;
  int64_t due;
  int64_t batch_start, batch_end;   /* the batch before the one in hand */
  int64_t wall_start, cpu_start;
  double cpu_share;
  bool real_time;
  sb_samples samples;               /* milliseconds */
  bool stopped;
};

/* How much of [from, to] lies within [start, end]. */
static int64_t overlap(int64_t from, int64_t to, int64_t start, int64_t end)
{
  int64_t first = from > start ? from : start, last = to < end ? to : end;
  return last > first ? last - first : 0;
}

static void on_time(sb_timer *timer)
{
  sb_lag *lag = timer->data;
  int64_t now = sb_clock_now(), in_hand = sb_http_batch_start(lag->http);
  int64_t busy = overlap(lag->due, now, lag->batch_start, lag->batch_end);
  if (in_hand)
    busy += overlap(lag->due, now, in_hand, now);
  sb_samples_add(&lag->samples, (double)(now - lag->due - busy) / 1e6);
  /* a grid: lateness must not move the next time, and times gone by are not made up for */
  lag->due += ((now - lag->due) / SB_LAG_PERIOD_NS + 1) * SB_LAG_PERIOD_NS;
  sb_timer_at(&lag->timer, lag->due);
}

static void on_after_batch(uv_check_t *check)
{
  sb_lag *lag = check->data;
  int64_t start = sb_http_batch_start(lag->http);
  if (start) {
    lag->batch_start = start;
    lag->batch_end = sb_clock_now();
  }
}

static void destroy(void *context)
{
  sb_lag *lag = context;
  sb_samples_deinit(&lag->samples);
  free(lag);
}

sb_lag *sb_lag_start(uv_loop_t *loop, const sb_http *http, sb_err *err)
{
  sb_lag *lag = sb_calloc(1, sizeof *lag);
  lag->http = http;
  if (sb_timer_init(&lag->timer, loop, on_time, err)) {
    free(lag);
    return NULL;
  }
  uv_check_init(loop, &lag->after_batch);
  lag->timer.data = lag->after_batch.data = lag;
  lag->handles = sb_handles_of(lag, 2, destroy);
  uv_check_start(&lag->after_batch, on_after_batch);
  lag->real_time = sb_realtime_is_on();
  lag->wall_start = sb_clock_now();
  lag->cpu_start = sb_clock_thread_cpu();
  lag->due = lag->wall_start + SB_LAG_PERIOD_NS;
  sb_timer_at(&lag->timer, lag->due);
  return lag;
}

void sb_lag_stop(sb_lag *lag)
{
  if (!lag || lag->stopped)
    return;
  lag->stopped = true;
  sb_timer_stop(&lag->timer);
  uv_check_stop(&lag->after_batch);
  int64_t wall = sb_clock_now() - lag->wall_start;
  if (wall > 0)
    lag->cpu_share = (double)(sb_clock_thread_cpu() - lag->cpu_start) / (double)wall;
}

void sb_lag_summarise(sb_lag *lag, sb_lag_summary *summary)
{
  *summary = (sb_lag_summary){ .p50_ms = NAN, .p99_ms = NAN, .max_ms = NAN };
  if (!lag)
    return;
  sb_samples_sort(&lag->samples);
  *summary = (sb_lag_summary){
    .samples = lag->samples.total,
    .p50_ms = sb_samples_percentile(&lag->samples, 50),
    .p99_ms = sb_samples_percentile(&lag->samples, 99),
    .max_ms = sb_samples_percentile(&lag->samples, 100),
    .cpu_share = lag->cpu_share,
    .real_time = lag->real_time,
  };
}

void sb_lag_free(sb_lag *lag)
{
  if (!lag)
    return;
  sb_lag_stop(lag);
  sb_handles_close(&lag->handles, (uv_handle_t *)&lag->after_batch);
  sb_timer_close(&lag->timer, &lag->handles);
  sb_handles_drop(&lag->handles);
}
