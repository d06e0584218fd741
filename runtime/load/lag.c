#include "load/lag.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "load/realtime.h"
#include "measure/samples.h"
#include "net/timer.h"

/* A stop that a late timer shows and neither work nor the wait for a turn explains. */
static const int64_t UNEXPLAINED_NS = 500 * 1000;

/* How long what the kernel said of the thread is gone by. */
static const int64_t LATELY_NS = 100 * 1000;

typedef struct held {
  int64_t t, ns; /* at that moment the thread had worked and waited so long; t 0: not known */
} held;

struct sb_lag {
  int schedstat;     /* the thread's; -1: the kernel has none */
  held last, before; /* at the last two times */
  held lately;       /* when it was last asked for in between */
  int64_t t_stopped; /* when it was last seen that the thread had stood still; 0: never */
  sb_http *http;
  sb_timer timer;
  int64_t due;
  int64_t wall_start, cpu_start;
  int64_t cpu_last; /* the thread's CPU time when the timer fired last */
  double cpu_share, busy_max_ms;
  bool real_time;
  sb_samples samples; /* milliseconds */
  bool stopped;
};

/* How much of [from, to] lies within [start, end]. */
static int64_t overlap(int64_t from, int64_t to, int64_t start, int64_t end)
{
  int64_t first = from > start ? from : start, last = to < end ? to : end;
  return last > first ? last - first : 0;
}

/* Both count from the thread's start. The wait is schedstat's second number; its first, the work, leaves out the turn that
 * the thread is at, and the thread's clock (cpu) does not. */
static held held_now(const sb_lag *lag, int64_t cpu)
{
  char text[96], *end;
  ssize_t n = lag->schedstat < 0 ? -1 : pread(lag->schedstat, text, sizeof text - 1, 0);
  if (n <= 0)
    return (held){ 0 };
  text[n] = '\0';
  const char *wait = strchr(text, ' ');
  int64_t ns = wait ? strtoll(wait, &end, 10) : 0;
  return wait && end > wait ? (held){ sb_clock_now(), cpu + ns } : (held){ 0 };
}

/* As it was a moment ago, and since then all was work: asking the kernel for each of many reads would be most of it. */
static held held_lately(sb_lag *lag)
{
  int64_t now = sb_clock_now();
  if (!lag->lately.t || now - lag->lately.t > LATELY_NS) {
    lag->lately = held_now(lag, sb_clock_thread_cpu());
    return lag->lately;
  }
  return (held){ now, lag->lately.ns + now - lag->lately.t };
}

/* Whether the timer is overdue for longer than the thread was at work or waited for its turn. */
static bool was_stopped(const sb_lag *lag, held from, held now)
{
  return now.t - lag->due > now.ns - from.ns + UNEXPLAINED_NS;
}

int64_t sb_lag_held(sb_lag *lag, int64_t since)
{
  if (!lag)
    return INT64_MAX;
  held from = lag->last.t && lag->last.t <= since ? lag->last : lag->before;
  held now = held_lately(lag);
  if (!from.t || from.t > since || !now.t || since <= lag->t_stopped || was_stopped(lag, from, now))
    return INT64_MAX;
  return now.ns - from.ns;
}

static void on_time(sb_timer *timer)
{
  sb_lag *lag = timer->data;
  const sb_stamps *batches = sb_http_stamps(lag->http);
  int64_t now = sb_clock_now();
  int64_t busy = overlap(lag->due, now, batches->before_start, batches->before_end);
  if (batches->batch_start)
    busy += overlap(lag->due, now, batches->batch_start, now);
  double late_ms = (double)(now - lag->due - busy) / 1e6;
  int64_t cpu = sb_clock_thread_cpu();
  double at_work_ms = (double)(cpu - lag->cpu_last) / 1e6;
  lag->cpu_last = cpu;
  sb_samples_add(&lag->samples, late_ms);
  lag->before = lag->last;
  lag->last = held_now(lag, cpu);
  if (was_stopped(lag, lag->before, lag->last))
    lag->t_stopped = now;
  lag->busy_max_ms = fmax(lag->busy_max_ms, fmin(late_ms, at_work_ms));
  /* a grid: lateness must not move the next time, and times gone by are not made up for */
  lag->due += ((now - lag->due) / SB_LAG_PERIOD_NS + 1) * SB_LAG_PERIOD_NS;
  sb_timer_at(&lag->timer, lag->due);
}

sb_lag *sb_lag_start(sb_loop *loop, sb_http *http, sb_err *err)
{
  sb_lag *lag = sb_calloc(1, sizeof *lag);
  lag->http = http;
  if (sb_timer_init(&lag->timer, loop, on_time, err)) {
    free(lag);
    return NULL;
  }
  lag->timer.data = lag;
  lag->real_time = sb_realtime_is_on();
  lag->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  lag->cpu_start = lag->cpu_last = sb_clock_thread_cpu();
  lag->last = held_now(lag, lag->cpu_start);
  lag->wall_start = sb_clock_now();
  lag->due = lag->wall_start + SB_LAG_PERIOD_NS;
  sb_timer_at(&lag->timer, lag->due);
  return lag;
}

void sb_lag_stop(sb_lag *lag)
{
  if (!lag || lag->stopped)
    return;
  lag->stopped = true;
  if (lag->schedstat >= 0)
    close(lag->schedstat);
  lag->schedstat = -1;
  sb_timer_stop(&lag->timer);
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
    .busy_max_ms = lag->busy_max_ms,
    .cpu_share = lag->cpu_share,
    .real_time = lag->real_time,
  };
}

void sb_lag_free(sb_lag *lag)
{
  if (!lag)
    return;
  sb_lag_stop(lag);
  sb_timer_close(&lag->timer);
  sb_samples_deinit(&lag->samples);
  free(lag);
}
