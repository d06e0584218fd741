#include "load/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "load/urgency.h"
#include "net/timer.h"

struct sb_load {
  sb_load_options options;
  sb_http *http;
  sb_run *run;
  sb_stream *streams;      /* slots; those without a request stand in `idle` */
  sb_stream **idle;
  uint32_t slots, idle_count;
  sb_load_progress progress;
  sb_timer timer;          /* open loop: the next planned time */
  sb_lag *lag;
  uv_idle_t end;           /* reports the end from the loop, never from inside start */
  const char **headers;    /* scratch: a request's headers */
  size_t common_headers, header_capacity;
  int open_handles;
  bool sending;            /* a slot that ends meanwhile is filled by the loop that sends, not on top of it */
  bool urgent;             /* between sb_urgency_begin and _end */
  bool ended;              /* complete or cancelled */
};

static bool is_open_loop(const sb_load *load)
{
  return load->options.arrivals_ns != NULL;
}

static size_t count_headers(const char *const *headers)
{
  size_t n = 0;
  while (headers && headers[n])
    n++;
  return n;
}

/* The load's headers, the request's and its id, in the scratch array. */
static const char *const *headers_of(sb_load *load, const sb_load_request *request, char *id_header)
{
  size_t own = count_headers(request->headers), n = load->common_headers;
  if (n + own + 2 > load->header_capacity) {
    load->header_capacity = n + own + 2;
    load->headers = sb_realloc(load->headers, load->header_capacity * sizeof *load->headers);
  }
  for (size_t i = 0; i < own; i++)
    load->headers[n++] = request->headers[i];
  if (load->options.id_prefix)
    load->headers[n++] = id_header;
  load->headers[n] = NULL;
  return load->headers;
}

/* The end of what is measured. */
static void stop_clock(sb_load *load)
{
  load->run->t_end = sb_clock_now();
  sb_lag_stop(load->lag);
  if (load->urgent)
    sb_urgency_end();
  load->urgent = false;
}

static void on_end_turn(uv_idle_t *idle)
{
  sb_load *load = idle->data;
  uv_idle_stop(idle);
  if (!load->ended) {
    load->ended = true;
    stop_clock(load);
    load->options.on_done(load->options.context);
  }
}

static void end_if_complete(sb_load *load)
{
  if (load->progress.done == load->progress.total && !load->ended)
    uv_idle_start(&load->end, on_end_turn);
}

/* Sends the next request of the plan on an idle slot. */
static void send_next(sb_load *load, int64_t t_intended)
{
  uint32_t index = load->progress.sent++;
  const sb_load_request *request = &load->options.requests[index];
  sb_record *record = &load->run->records[index];
  sb_stream *stream = load->idle[--load->idle_count];
  char id_header[192];
  if (load->options.id_prefix)
    snprintf(id_header, sizeof id_header, "X-Request-Id: %.150s-%u", load->options.id_prefix, index);
  record->t_intended = t_intended;
  record->outcome = SB_OUTCOME_OK;
  free(record->error);
  record->error = NULL;
  load->progress.in_flight++;
  sb_http_call call = {
    .url = load->options.url,
    .headers = headers_of(load, request, id_header),
    .body = request->body,
    .body_size = request->body_size,
    .timeout_ns = load->options.timeout_ns,
    .silence_ns = load->options.silence_ns,
  };
  sb_stream_start(stream, load->http, call, record);
}

/* Sends all that is free to go; an open loop then sleeps until the next planned time. */
static void send_ready(sb_load *load)
{
  if (load->sending)
    return;
  load->sending = true;
  while (load->progress.sent < load->progress.total && load->idle_count) {
    int64_t now = sb_clock_now(), due = now;
    if (is_open_loop(load))
      due = load->run->t_start + load->options.arrivals_ns[load->progress.sent];
    if (due > now) {
      sb_timer_at(&load->timer, due);
      break;
    }
    send_next(load, due);
  }
  load->sending = false;
}

static void on_planned_time(sb_timer *timer)
{
  send_ready(timer->data);
}

static void on_stream_end(sb_stream *stream)
{
  sb_load *load = stream->owner;
  load->progress.done++;
  load->progress.in_flight--;
  load->progress.failed += stream->record->outcome != SB_OUTCOME_OK;
  load->progress.bytes += stream->record->bytes;
  load->idle[load->idle_count++] = stream;
  send_ready(load);
  end_if_complete(load);
}

static int check(const sb_load_options *options, sb_err *err)
{
  if (!options->count)
    return sb_err_set(err, SB_EINVAL, "a load needs at least one request");
  if (!options->concurrency && !options->arrivals_ns)
    return sb_err_set(err, SB_EINVAL, "a closed loop needs a concurrency of at least 1");
  return SB_OK;
}

static sb_load *allocate(sb_http *http, const sb_load_options *options)
{
  sb_load *load = sb_calloc(1, sizeof *load);
  load->options = *options;
  load->http = http;
  load->slots = options->concurrency && options->concurrency < options->count ? options->concurrency : options->count;
  load->streams = sb_calloc(load->slots, sizeof *load->streams);
  load->idle = sb_calloc(load->slots, sizeof(sb_stream *));
  for (uint32_t i = 0; i < load->slots; i++) {
    sb_stream *stream = &load->streams[load->slots - 1 - i];
    stream->options = &load->options.stream;
    stream->on_end = on_stream_end;
    stream->owner = load;
    load->idle[load->idle_count++] = stream;
  }
  load->common_headers = count_headers(options->headers);
  load->header_capacity = load->common_headers + 2;
  load->headers = sb_calloc(load->header_capacity, sizeof(char *));
  for (size_t i = 0; i < load->common_headers; i++)
    load->headers[i] = options->headers[i];
  load->run = sb_run_new(options->count);
  load->run->concurrency = options->arrivals_ns ? 0 : options->concurrency;
  load->run->clock_scale = 1;
  for (uint32_t i = 0; i < options->count; i++) {
    sb_record *record = &load->run->records[i];
    record->id = i;
    record->prompt_id = options->requests[i].prompt_id;
    record->outcome = SB_OUTCOME_CANCELED; /* until it is sent */
    record->error = sb_strdup("not sent");
    record->prompt_tokens = record->completion_tokens = record->cached_tokens = -1;
    record->draft_tokens = record->accepted_tokens = -1;
  }
  load->progress.total = options->count;
  return load;
}

sb_load *sb_load_start(uv_loop_t *loop, sb_http *http, const sb_load_options *options, sb_err *err)
{
  if (check(options, err))
    return NULL;
  sb_load *load = allocate(http, options);
  if (sb_timer_init(&load->timer, loop, on_planned_time, err)) {
    load->ended = true;
    sb_load_free(load);
    return NULL;
  }
  load->timer.data = load;
  uv_idle_init(loop, &load->end);
  load->end.data = load;
  load->open_handles = 2;
  sb_urgency_begin();
  load->urgent = true;
  load->run->wall_anchor_ns = sb_clock_wall();
  load->run->t_start = load->run->clock_anchor_ns = sb_clock_now();
  send_ready(load);
  /* from here on: the first sends are one batch of work of our own. A load without it is a load all the same. */
  load->lag = sb_lag_start(loop, http, NULL);
  return load;
}

void sb_load_cancel(sb_load *load)
{
  if (load->ended)
    return;
  load->ended = true;
  sb_timer_stop(&load->timer);
  uv_idle_stop(&load->end);
  for (uint32_t i = 0; i < load->slots; i++)
    sb_stream_cancel(&load->streams[i]);
  load->progress.in_flight = 0;
  stop_clock(load);
}

void sb_load_get_lag(sb_load *load, sb_lag_summary *summary)
{
  sb_lag_summarise(load->lag, summary);
}

sb_load_progress sb_load_get_progress(const sb_load *load)
{
  return load->progress;
}

sb_run *sb_load_take_run(sb_load *load)
{
  sb_run *run = load->run;
  load->run = NULL;
  return run;
}

static void release(sb_load *load)
{
  for (uint32_t i = 0; i < load->slots; i++)
    sb_stream_deinit(&load->streams[i]);
  free(load->streams);
  free(load->idle);
  free(load->headers);
  sb_run_free(load->run);
  free(load);
}

static void on_end_closed(uv_handle_t *handle)
{
  sb_load *load = handle->data;
  if (--load->open_handles == 0)
    release(load);
}

static void on_timer_closed(sb_timer *timer)
{
  sb_load *load = timer->data;
  if (--load->open_handles == 0)
    release(load);
}

void sb_load_free(sb_load *load)
{
  if (!load)
    return;
  if (!load->open_handles) {
    release(load);
    return;
  }
  sb_lag_free(load->lag);
  load->lag = NULL;
  uv_close((uv_handle_t *)&load->end, on_end_closed);
  sb_timer_close(&load->timer, on_timer_closed);
}
