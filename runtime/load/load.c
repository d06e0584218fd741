#include "load/load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "load/shard.h"
#include "load/threads.h"

/* One plan: checked, dealt out to its shards, put together again. With one I/O thread the only shard runs on the
 * caller's loop and over the caller's client, and no thread is made, unless the load is to have one of its own. */
struct sb_load {
  sb_shard_plan plan;
  sb_shard *shard;     /* on the caller's loop */
  sb_threads *threads; /* on threads of their own */
  uint32_t total;      /* requests of the run */
  bool ended;          /* complete or cancelled */
};

/* Of all answers' texts together; those beyond are hashed and not kept. */
static const uint64_t MAX_TEXTS = 64 * 1024 * 1024;

static int check(const sb_load_options *options, sb_err *err)
{
  if (!options->count)
    return sb_err_set(err, SB_EINVAL, "a load needs at least one request");
  if (!options->concurrency && !options->arrivals_ns)
    return sb_err_set(err, SB_EINVAL, "a closed loop needs a concurrency of at least 1");
  if (options->io_threads > SB_LOAD_MAX_IO_THREADS)
    return sb_err_set(err, SB_EINVAL, "a load runs on 1 to %d I/O threads, not %u", SB_LOAD_MAX_IO_THREADS,
                      options->io_threads);
  return SB_OK;
}

static sb_load *allocate(const sb_load_options *options)
{
  sb_load *load = sb_calloc(1, sizeof *load);
  sb_shard_plan *plan = &load->plan;
  load->total = options->count;
  plan->options = *options;
  plan->options.stream.text_room = &plan->text_room;
  plan->text_room = MAX_TEXTS;
  plan->patience.deadlines = options->deadlines;
  plan->slots =
      options->concurrency && options->concurrency < options->count ? options->concurrency : options->count;
  plan->shards = options->io_threads > plan->slots ? plan->slots
                 : options->io_threads             ? options->io_threads
                                                   : 1;
  plan->reports = sb_calloc(plan->shards, sizeof *plan->reports);
  plan->run = sb_run_new(options->count);
  plan->run->chat = options->url && strstr(options->url, "/chat/completions");
  plan->run->concurrency = options->arrivals_ns ? 0 : options->concurrency;
  for (uint32_t i = 0; i < options->count; i++) {
    sb_record *record = &plan->run->records[i];
    record->prompt_id = options->requests[i].prompt_id;
    record->max_tokens = options->requests[i].max_tokens;
    record->data_prompt_tokens = options->requests[i].prompt_tokens;
    record->outcome = SB_OUTCOME_CANCELED; /* until it is sent */
    record->error = sb_strdup("not sent");
  }
  return load;
}

const char *sb_load_given_up(const sb_load *load)
{
  switch (sb_patience_given_up(&load->plan.patience)) {
  case SB_GIVE_UP_SILENT: return "the server had stopped answering";
  case SB_GIVE_UP_LATE: return "the cell's time was over (cell timeout)";
  case SB_GIVE_UP_NO: break;
  }
  return NULL;
}

/* What was left when the load was given up says so. */
static void explain_unsent(sb_load *load, const char *reason)
{
  for (uint32_t i = 0; i < load->plan.run->count; i++) {
    sb_record *record = &load->plan.run->records[i];
    if (record->outcome != SB_OUTCOME_CANCELED || record->t_send)
      continue;
    sb_strbuf text = { 0 };
    sb_strbuf_printf(&text, "not sent: %s", reason);
    free(record->error);
    record->error = sb_strdup(text.data);
    sb_strbuf_deinit(&text);
  }
}

/* What send_ns left out: the last of the plan, as requests are taken in its order and arrivals are sorted. */
static void drop_unsent(sb_load *load)
{
  sb_run *run = load->plan.run;
  uint32_t kept = run->count;
  while (kept > 1 && !run->records[kept - 1].t_intended)
    sb_record_deinit(&run->records[--kept]);
  run->count = load->total = kept;
}

/* All shards have ended: the records are complete. */
static void close_run(sb_load *load)
{
  load->ended = true;
  if (sb_load_given_up(load))
    explain_unsent(load, sb_load_given_up(load));
  else if (load->plan.options.send_ns)
    drop_unsent(load);
  for (uint32_t i = 0; i < load->plan.shards; i++)
    if (load->plan.reports[i].t_end > load->plan.run->t_end)
      load->plan.run->t_end = load->plan.reports[i].t_end;
}

static void on_end(void *context)
{
  sb_load *load = context;
  close_run(load);
  load->plan.options.on_done(load->plan.options.context);
}

static void release(sb_load *load)
{
  sb_run_free(load->plan.run);
  free(load->plan.reports);
  free(load);
}

sb_load *sb_load_start(sb_loop *loop, sb_http *http, const sb_load_options *options, sb_err *err)
{
  if (check(options, err))
    return NULL;
  sb_load *load = allocate(options);
  sb_shard_plan *plan = &load->plan;
  plan->run->wall_anchor_ns = sb_clock_wall();
  plan->run->t_start = plan->run->clock_anchor_ns = plan->patience.t_start = sb_clock_now();
  if (plan->shards > 1 || options->own_thread) {
    load->threads = sb_threads_start(loop, plan, on_end, load, err);
  } else {
    load->shard = sb_shard_new(loop, http, plan, 0, on_end, load, err);
    if (load->shard)
      sb_shard_start(load->shard);
  }
  if (load->shard || load->threads)
    return load;
  release(load);
  return NULL;
}

void sb_load_cancel(sb_load *load)
{
  if (load->ended)
    return;
  if (load->threads)
    sb_threads_cancel(load->threads);
  else
    sb_shard_cancel(load->shard);
  close_run(load);
}

uint32_t sb_load_io_threads(const sb_load *load)
{
  return load->plan.shards;
}

sb_lag_summary sb_load_get_thread_lag(const sb_load *load, uint32_t thread)
{
  return load->plan.reports[thread].lag;
}

sb_lag_summary sb_load_get_lag(const sb_load *load)
{
  sb_lag_summary worst = load->plan.reports[0].lag;
  for (uint32_t i = 1; i < load->plan.shards; i++) {
    const sb_lag_summary *lag = &load->plan.reports[i].lag;
    worst.samples += lag->samples;
    worst.p50_ms = fmax(worst.p50_ms, lag->p50_ms); /* NaN gives way */
    worst.p99_ms = fmax(worst.p99_ms, lag->p99_ms);
    worst.max_ms = fmax(worst.max_ms, lag->max_ms);
    worst.busy_max_ms = fmax(worst.busy_max_ms, lag->busy_max_ms);
    worst.cpu_share = fmax(worst.cpu_share, lag->cpu_share);
    worst.real_time = worst.real_time && lag->real_time;
  }
  return worst;
}

sb_reads_summary sb_load_get_reads(const sb_load *load)
{
  sb_reads_summary worst = { .p99_ms = NAN, .max_ms = NAN, .by_kernel = true };
  for (uint32_t i = 0; i < load->plan.shards; i++) {
    const sb_reads_summary *reads = &load->plan.reports[i].reads;
    worst.chunks += reads->chunks;
    worst.merged += reads->merged;
    worst.unstamped += reads->unstamped;
    worst.p99_ms = fmax(worst.p99_ms, reads->p99_ms); /* NaN gives way */
    worst.max_ms = fmax(worst.max_ms, reads->max_ms);
    worst.by_kernel = worst.by_kernel && (reads->by_kernel || !reads->chunks);
  }
  worst.by_kernel = worst.by_kernel && worst.chunks;
  return worst;
}

static uint64_t value_of(const atomic_uint_fast64_t *count)
{
  return atomic_load_explicit(count, memory_order_acquire);
}

/* Threads go on while their counts are summed up: what has ended is read first, and was sent before. */
sb_load_progress sb_load_get_progress(const sb_load *load)
{
  sb_load_progress sum = { .total = load->total };
  for (uint32_t i = 0; i < load->plan.shards; i++) {
    const sb_shard_report *report = &load->plan.reports[i];
    sum.done += (uint32_t)value_of(&report->done);
    sum.failed += (uint32_t)value_of(&report->failed);
    sum.bytes += value_of(&report->bytes);
    sum.tokens += value_of(&report->tokens);
    sum.sent += (uint32_t)value_of(&report->sent);
  }
  uint32_t in_flight = sum.sent - sum.done;
  sum.in_flight = load->ended ? 0 : in_flight < load->plan.slots ? in_flight : load->plan.slots;
  return sum;
}

sb_run *sb_load_take_run(sb_load *load)
{
  sb_run *run = load->plan.run;
  load->plan.run = NULL;
  return run;
}

void sb_load_free(sb_load *load)
{
  if (!load)
    return;
  sb_shard_free(load->shard);
  sb_threads_free(load->threads);
  release(load);
}
