#include "load/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"

/* Streams are looked at so often within the shortest deadline, and where all are long seldom. */
enum { LOOKS = 50, MIN_PERIOD_MS = 20, MAX_PERIOD_MS = 100 };

/* Later than this, the loop did not run: other requests' work takes less. */
static const int64_t STILL_NS = 200 * SB_NS_PER_MS;

/* A complete answer's connection is given so long to say that the body has ended, and may then be used again. */
static const int64_t AFTER_DONE_NS = SB_NS_PER_S;

sb_give_up sb_patience_given_up(const sb_patience *patience)
{
  return (sb_give_up)atomic_load_explicit(&patience->given_up, memory_order_acquire);
}

static void give_up(sb_watch *watch, sb_give_up why)
{
  int none = SB_GIVE_UP_NO;
  atomic_compare_exchange_strong(&watch->patience->given_up, &none, why); /* the first cause stands */
}

static uint64_t progress_of(const sb_stream *stream)
{
  const sb_record *record = stream->record;
  return (stream->options->whole ? record->bytes : record->timeline.chunks) + (stream->saw_done ? 1 : 0);
}

static void observe(sb_watch *watch, sb_stream *stream, int64_t now)
{
  uint64_t progress = progress_of(stream);
  if (!stream->t_watched)
    stream->t_watched = stream->t_progress = now;
  if (progress == stream->progress)
    return;
  stream->progress = progress;
  stream->t_progress = now;
  atomic_store_explicit(&watch->patience->silent, 0, memory_order_relaxed);
}

static void expire_silent(sb_watch *watch, sb_stream *stream, const char *what, const char *deadline,
                          int64_t limit)
{
  char text[96];
  snprintf(text, sizeof text, "no %s for %.3g s (%s timeout)", what, (double)limit / 1e9, deadline);
  if (atomic_fetch_add(&watch->patience->silent, 1) + 1 >= SB_WATCH_SILENT_IN_ROW)
    give_up(watch, SB_GIVE_UP_SILENT);
  sb_stream_expire(stream, SB_OUTCOME_SILENCE, text);
}

static bool is_over(int64_t limit, int64_t from, int64_t now)
{
  return limit && now - from > limit;
}

static void judge(sb_watch *watch, sb_stream *stream, int64_t now)
{
  const sb_deadlines *deadlines = &watch->patience->deadlines;
  if (!stream->t_watched) /* began on this very tick */
    return;
  bool waits_for_first = stream->progress == 0 && !stream->options->whole;
  char text[96];
  if (stream->runs_on) {
    sb_stream_expire(stream, SB_OUTCOME_BODY, "the answer runs on");
  } else if (stream->saw_done) {
    if (is_over(AFTER_DONE_NS, stream->t_progress, now))
      sb_stream_expire(stream, SB_OUTCOME_OK, NULL);
  } else if (is_over(deadlines->request_ns, stream->t_watched, now)) {
    snprintf(text, sizeof text, "not complete after %.3g s (request timeout)",
             (double)deadlines->request_ns / 1e9);
    sb_stream_expire(stream, SB_OUTCOME_TIMEOUT, text);
  } else if (waits_for_first && is_over(deadlines->first_token_ns, stream->t_watched, now)) {
    expire_silent(watch, stream, "first token", "first-token", deadlines->first_token_ns);
  } else if (!waits_for_first && is_over(deadlines->chunk_ns, stream->t_progress, now)) {
    expire_silent(watch, stream, "chunk", "chunk", deadlines->chunk_ns);
  }
}

/* What is in flight when its load is given up, here or on another loop. */
static void end_all(sb_watch *watch)
{
  bool late = sb_patience_given_up(watch->patience) == SB_GIVE_UP_LATE;
  for (uint32_t i = 0; i < watch->count; i++)
    if (watch->streams[i].request)
      sb_stream_expire(&watch->streams[i], late ? SB_OUTCOME_TIMEOUT : SB_OUTCOME_CANCELED,
                       late ? "not complete when the cell's time was over (cell timeout)"
                            : "given up: the server had stopped answering");
}

static void on_tick(uv_timer_t *timer)
{
  sb_watch *watch = (sb_watch *)timer;
  int64_t now = sb_clock_now(), late = now - watch->due;
  watch->due = now + watch->period_ms * SB_NS_PER_MS;
  if (late > STILL_NS)
    watch->stood_still += late;
  now -= watch->stood_still;
  for (uint32_t i = 0; i < watch->count; i++)
    if (watch->streams[i].request)
      observe(watch, &watch->streams[i], now);
  if (late > STILL_NS)
    return;
  if (is_over(watch->patience->deadlines.load_ns, watch->patience->t_start, now))
    give_up(watch, SB_GIVE_UP_LATE);
  for (uint32_t i = 0; i < watch->count; i++)
    if (watch->streams[i].request && !sb_patience_given_up(watch->patience))
      judge(watch, &watch->streams[i], now);
  if (sb_patience_given_up(watch->patience)) {
    end_all(watch);
    watch->on_given_up(timer->data);
  }
}

void sb_watch_init(sb_watch *watch, uv_loop_t *loop, sb_patience *patience, sb_stream *streams,
                   uint32_t count, void (*on_given_up)(void *owner), void *owner)
{
  *watch = (sb_watch){ .patience = patience, .streams = streams, .count = count, .on_given_up = on_given_up };
  uv_timer_init(loop, &watch->timer);
  watch->timer.data = owner;
}

static int64_t period_ms(const sb_deadlines *deadlines)
{
  const int64_t all[] = { deadlines->request_ns, deadlines->first_token_ns, deadlines->chunk_ns,
                          deadlines->load_ns };
  int64_t period = MAX_PERIOD_MS;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i] && all[i] / SB_NS_PER_MS / LOOKS < period)
      period = all[i] / SB_NS_PER_MS / LOOKS;
  return period > MIN_PERIOD_MS ? period : MIN_PERIOD_MS;
}

void sb_watch_start(sb_watch *watch)
{
  watch->period_ms = period_ms(&watch->patience->deadlines);
  watch->due = sb_clock_now() + watch->period_ms * SB_NS_PER_MS;
  uv_timer_start(&watch->timer, on_tick, (uint64_t)watch->period_ms, (uint64_t)watch->period_ms);
}

void sb_watch_stop(sb_watch *watch)
{
  uv_timer_stop(&watch->timer);
}
