#include "load/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/handles.h"
#include "base/strbuf.h"
#include "load/realtime.h"
#include "net/timer.h"

/* So many requests are sent at a time: what the loop does meanwhile nobody reads, and to open a thousand connections
 * takes tens of milliseconds. */
enum { SENT_AT_ONCE = 32 };

struct sb_shard {
  sb_shard_plan *plan;
  sb_shard_report *report;
  sb_http *http;
  sb_stream *streams; /* slots; those without a request stand in `idle` */
  sb_stream **idle;
  uint32_t slots, idle_count;
  uint32_t own_next; /* the next request of this shard's own, where it has such */
  sb_timer timer;    /* open loop: the next planned time */
  sb_loop *loop;
  sb_lag *lag;
  sb_watch watch;
  sb_reads reads;
  sb_deferred more; /* goes on sending once the sockets were looked at */
  sb_deferred end;  /* reports the end from the loop, never from inside start */
  void (*on_end)(void *context);
  void *context;
  const char **headers; /* scratch: a request's headers */
  size_t common_headers, header_capacity;
  sb_handles handles;
  bool sending;  /* a slot that ends meanwhile is filled by the loop that sends, not on top of it */
  bool realtime; /* between sb_realtime_begin and _end */
  bool ended;    /* complete or cancelled */
};

/* A count has one writer: adding needs no locked instruction. What was counted before it is seen before it. */
static void add(atomic_uint_fast64_t *count, uint64_t amount)
{
  atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + amount,
                        memory_order_release);
}

static bool takes_own(const sb_shard *shard)
{
  const sb_load_options *options = &shard->plan->options;
  return options->arrivals_ns && !options->concurrency;
}

/* The request that this shard would send next, whoever it will be that sends it. */
static uint32_t peek(const sb_shard *shard)
{
  return takes_own(shard) ? shard->own_next : atomic_load_explicit(&shard->plan->next, memory_order_acquire);
}

/* Whether a request comes too late to be sent. Where it is planned, the plan tells: the loop's own lateness does not.
 * The first one is always sent. */
static bool is_beyond(const sb_shard *shard, uint32_t index)
{
  const sb_load_options *options = &shard->plan->options;
  if (!options->send_ns || !index)
    return false;
  if (options->arrivals_ns && options->arrivals_ns[index] >= options->send_ns)
    return true;
  return !takes_own(shard) && sb_clock_now() - shard->plan->run->t_start >= options->send_ns;
}

/* Whether there is anything that this shard would still send. Once there is not, it stays so. */
static bool has_more(const sb_shard *shard)
{
  uint32_t index = peek(shard);
  return index < shard->plan->options.count && !is_beyond(shard, index) &&
         !sb_patience_given_up(&shard->plan->patience);
}

/* False where another shard was faster. */
static bool take(sb_shard *shard, uint32_t index)
{
  unsigned expected = index;
  if (!takes_own(shard))
    return atomic_compare_exchange_strong(&shard->plan->next, &expected, index + 1);
  shard->own_next += shard->plan->shards;
  return true;
}

static size_t count_headers(const char *const *headers)
{
  size_t n = 0;
  while (headers && headers[n])
    n++;
  return n;
}

/* The load's headers, the request's and its id, in the scratch array. */
static const char *const *headers_of(sb_shard *shard, const sb_load_request *request, const char *id_header)
{
  size_t own = count_headers(request->headers), n = shard->common_headers;
  if (n + own + 2 > shard->header_capacity) {
    shard->header_capacity = n + own + 2;
    shard->headers = sb_realloc(shard->headers, shard->header_capacity * sizeof *shard->headers);
  }
  for (size_t i = 0; i < own; i++)
    shard->headers[n++] = request->headers[i];
  if (shard->plan->options.id_prefix)
    shard->headers[n++] = id_header;
  shard->headers[n] = NULL;
  return shard->headers;
}

/* No more is sent or received: what the shard has to say is complete. */
static void finish(sb_shard *shard)
{
  shard->ended = true;
  sb_loop_undefer(shard->loop, &shard->more);
  sb_watch_stop(&shard->watch);
  sb_timer_stop(&shard->timer);
  shard->report->t_end = sb_clock_now();
  sb_lag_stop(shard->lag);
  sb_lag_summarise(shard->lag, &shard->report->lag);
  sb_reads_summarise(&shard->reads, &shard->report->reads);
  if (shard->realtime)
    sb_realtime_end();
  shard->realtime = false;
}

static void on_end_turn(sb_deferred *self)
{
  sb_shard *shard = (sb_shard *)((char *)self - offsetof(sb_shard, end));
  if (!shard->ended) {
    finish(shard);
    shard->on_end(shard->context);
  }
}

static void end_if_complete(sb_shard *shard)
{
  if (shard->idle_count == shard->slots && !has_more(shard) && !shard->ended)
    sb_loop_defer(shard->loop, &shard->end);
}

static void on_given_up(void *owner)
{
  end_if_complete(owner);
}

/* Sends a request that was taken, on an idle slot. */
static void send_request(sb_shard *shard, uint32_t index, int64_t t_intended)
{
  const sb_load_options *options = &shard->plan->options;
  const sb_load_request *request = &options->requests[index];
  sb_record *record = &shard->plan->run->records[index];
  sb_stream *stream = shard->idle[--shard->idle_count];
  char id_header[192];
  if (options->id_prefix)
    snprintf(id_header, sizeof id_header, "X-Request-Id: %.150s-%u", options->id_prefix, index);
  record->t_intended = t_intended;
  record->outcome = SB_OUTCOME_OK;
  free(record->error);
  record->error = NULL;
  add(&shard->report->sent, 1);
  sb_http_call call = {
    .url = options->url,
    .headers = headers_of(shard, request, id_header),
    .body = request->body,
    .body_size = request->body_size,
  };
  sb_stream_start(stream, shard->http, call, record);
}

/* Sends what is free to go; an open loop then sleeps until the next planned time. */
static void send_ready(sb_shard *shard)
{
  const sb_load_options *options = &shard->plan->options;
  if (shard->sending)
    return;
  shard->sending = true;
  uint32_t index, sent = 0;
  while (shard->idle_count && has_more(shard) && (index = peek(shard)) < options->count) {
    int64_t now = sb_clock_now(), due = now;
    if (options->arrivals_ns)
      due = shard->plan->run->t_start + options->arrivals_ns[index];
    if (due > now) {
      sb_timer_at(&shard->timer, due);
      break;
    }
    if (sent == SENT_AT_ONCE) {
      sb_loop_defer(shard->loop, &shard->more);
      break;
    }
    if (take(shard, index)) {
      send_request(shard, index, due);
      sent++;
    }
  }
  shard->sending = false;
  end_if_complete(shard);
}

static void on_planned_time(sb_timer *timer)
{
  send_ready(timer->data);
}

static void on_more(sb_deferred *self)
{
  send_ready((sb_shard *)((char *)self - offsetof(sb_shard, more)));
}

static void on_stream_end(sb_stream *stream)
{
  sb_shard *shard = stream->owner;
  sb_shard_report *report = shard->report;
  if (stream->record->http_status && stream->record->outcome != SB_OUTCOME_SILENCE)
    atomic_store_explicit(&shard->plan->patience.silent, 0,
                          memory_order_relaxed); /* the server has answered */
  add(&report->failed, stream->record->outcome != SB_OUTCOME_OK);
  add(&report->bytes, stream->record->bytes);
  int64_t tokens = sb_record_tokens(stream->record);
  add(&report->tokens, tokens > 0 ? (uint64_t)tokens : 0);
  add(&report->done, 1);
  shard->idle[shard->idle_count++] = stream;
  send_ready(shard);
}

static void destroy(void *context)
{
  sb_shard *shard = context;
  for (uint32_t i = 0; i < shard->slots; i++)
    sb_stream_deinit(&shard->streams[i]);
  sb_reads_deinit(&shard->reads);
  free(shard->streams);
  free(shard->idle);
  free(shard->headers);
  free(shard);
}

sb_shard *sb_shard_new(sb_loop *loop, sb_http *http, sb_shard_plan *plan, uint32_t index,
                       void (*on_end)(void *context), void *context, sb_err *err)
{
  const char *const *common = plan->options.headers;
  sb_shard *shard = sb_calloc(1, sizeof *shard);
  shard->plan = plan;
  shard->report = &plan->reports[index];
  shard->http = http;
  shard->loop = loop;
  shard->on_end = on_end;
  shard->context = context;
  shard->own_next = index;
  shard->slots = plan->slots / plan->shards + (index < plan->slots % plan->shards);
  shard->streams = sb_calloc(shard->slots, sizeof *shard->streams);
  shard->idle = sb_calloc(shard->slots, sizeof(sb_stream *));
  for (uint32_t i = 0; i < shard->slots; i++) {
    sb_stream *stream = &shard->streams[shard->slots - 1 - i];
    stream->options = &plan->options.stream;
    stream->on_end = on_stream_end;
    stream->owner = shard;
    stream->reads = &shard->reads;
    shard->idle[shard->idle_count++] = stream;
  }
  shard->common_headers = count_headers(common);
  shard->header_capacity = shard->common_headers + 2;
  shard->headers = sb_calloc(shard->header_capacity, sizeof(char *));
  for (size_t i = 0; i < shard->common_headers; i++)
    shard->headers[i] = common[i];
  if (sb_timer_init(&shard->timer, loop, on_planned_time, err)) {
    destroy(shard);
    return NULL;
  }
  shard->timer.data = shard;
  shard->more.run = on_more;
  shard->end.run = on_end_turn;
  shard->handles = sb_handles_of(shard, 1, destroy);
  sb_watch_init(&shard->watch, sb_loop_uv(loop), &plan->patience, shard->streams, shard->slots, on_given_up,
                shard);
  return shard;
}

void sb_shard_start(sb_shard *shard)
{
  sb_realtime_begin(shard->plan->shards);
  shard->realtime = true;
  sb_watch_start(&shard->watch);
  send_ready(shard);
  /* from here on: the first sends are one batch of work of our own. A load without it is a load all the same. */
  shard->lag = sb_lag_start(shard->loop, shard->http, NULL);
  shard->reads.lag = shard->lag;
}

void sb_shard_cancel(sb_shard *shard)
{
  if (shard->ended)
    return;
  sb_loop_undefer(shard->loop, &shard->end);
  for (uint32_t i = 0; i < shard->slots; i++)
    sb_stream_cancel(&shard->streams[i]);
  finish(shard);
}

void sb_shard_free(sb_shard *shard)
{
  if (!shard)
    return;
  sb_lag_free(shard->lag);
  sb_loop_undefer(shard->loop, &shard->more);
  sb_loop_undefer(shard->loop, &shard->end);
  sb_timer_close(&shard->timer);
  sb_handles_close(&shard->handles, (uv_handle_t *)&shard->watch.timer);
  sb_handles_drop(&shard->handles);
}
