#include "measure/latency.h"

#include <string.h>

void sb_latencies_deinit(sb_latencies *latencies)
{
#define SB_DEINIT(name) sb_samples_deinit(&latencies->name);
  SB_LATENCIES(SB_DEINIT)
#undef SB_DEINIT
  latencies->burst_zeros = 0;
}

void sb_latencies_reserve(sb_latencies *latencies, const sb_run *run, sb_chunk_arrivals *arrivals)
{
  size_t chunks = 0;
  for (uint32_t i = 0; i < run->count; i++)
    chunks += run->records[i].outcome == SB_OUTCOME_OK ? run->records[i].timeline.chunks : 0;
  sb_samples_reserve(&latencies->itl_chunk_ms, chunks);
  sb_samples_reserve(&latencies->itl_token_ms, chunks);
  sb_samples_reserve(&latencies->itl_burst_ms, chunks + run->count);
  sb_samples_reserve(&latencies->ref_itl_ms, chunks);
  if (arrivals)
    sb_samples_reserve(&arrivals->at, chunks);
}

/* The gaps between a chunk and the part of its answer before it. */
static void add_gaps(sb_latencies *latencies, const sb_span *before, bool per_chunk, const sb_chunk *chunk,
                     double scale)
{
  if (before->last_token && sb_chunk_brings_token(per_chunk, chunk)) {
    double gap = (double)(chunk->t_ns - before->last_token) / 1e6 * scale;
    sb_samples_add(&latencies->itl_chunk_ms, gap);
    if (per_chunk) {
      sb_samples_add_weighted(&latencies->itl_token_ms, gap / chunk->tokens, chunk->tokens);
      sb_samples_add(&latencies->itl_burst_ms, gap);
    }
  }
}

/* What the reference's client calls a gap; `last` is what it takes it from. */
static void add_reference_gap(sb_latencies *latencies, const sb_span *before, int64_t last,
                              const sb_chunk *chunk, double scale)
{
  if (before->last_text && chunk->has_text)
    sb_samples_add(&latencies->ref_itl_ms, (double)(chunk->t_ns - last) / 1e6 * scale);
}

void sb_latencies_read(sb_latencies *latencies, const sb_record *record, double clock_scale,
                       sb_reference_rule rule, sb_chunk_arrivals *arrivals, sb_span *span)
{
  bool per_chunk = sb_token_source_per_chunk(record->token_source);
  *span = (sb_span){ 0 };
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_others_reader others;
  int64_t last_event = 0;
  sb_others_read(record, &others);
  sb_timeline_read(&record->timeline, &reader);
  for (uint64_t i = 0; sb_timeline_next(&reader, &chunk); i++) {
    add_gaps(latencies, span, per_chunk, &chunk, clock_scale);
    if (rule == SB_REFERENCE_EVENTS)
      last_event = sb_others_before(&others, i, last_event);
    if (rule != SB_REFERENCE_UNKNOWN)
      add_reference_gap(latencies, span, rule == SB_REFERENCE_EVENTS ? last_event : span->last_text, &chunk,
                        clock_scale);
    last_event = chunk.t_ns;
    sb_span_add(span, per_chunk, &chunk);
    if (arrivals && per_chunk)
      sb_samples_add_weighted(&arrivals->at, (double)(chunk.t_ns - arrivals->origin_ns), chunk.tokens);
  }
  if (per_chunk) { /* a chunk's further tokens wait for nothing */
    uint64_t zeros = record->timeline.tokens - span->token_chunks;
    sb_samples_add_weighted(&latencies->itl_burst_ms, 0.0, zeros);
    latencies->burst_zeros += zeros;
  }
}

void sb_latencies_add(sb_latencies *latencies, const sb_request_metrics *metrics)
{
#define SB_ADD(name) sb_samples_add(&latencies->name, metrics->name);
  SB_REQUEST_METRICS(SB_ADD)
#undef SB_ADD
}

void sb_latencies_gather(sb_latencies *latencies, const sb_run *run)
{
  sb_latencies_reserve(latencies, run, NULL);
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (record->outcome != SB_OUTCOME_OK)
      continue;
    sb_span span;
    sb_request_metrics metrics;
    sb_latencies_read(latencies, record, run->clock_scale, sb_reference_rule_of(run), NULL, &span);
    sb_request_metrics_compute(record, &span, run->clock_scale, sb_reference_rule_of(run), &metrics);
    sb_latencies_add(latencies, &metrics);
  }
}

/* Where a chunk is a token the conventions of a gap have the same samples, a hundred times as many as there are
 * requests: they are looked into once. */
static bool is_as_by_chunk(const sb_latencies *latencies, const sb_samples *gaps)
{
  return sb_samples_equal(gaps, &latencies->itl_chunk_ms);
}

/* Whether bursts are the chunks' gaps and zeros: where every request tells its tokens chunk by chunk. */
static bool bursts_are_chunks(const sb_latencies *latencies)
{
  return latencies->itl_burst_ms.total == latencies->itl_chunk_ms.total + latencies->burst_zeros;
}

void sb_latencies_percentiles(sb_latencies *latencies, const double *percents, size_t count,
                              double (*out)[SB_PERCENTILES])
{
  double *by_chunk = out[SB_LATENCY_itl_chunk_ms], *by_burst = out[SB_LATENCY_itl_burst_ms];
  bool token_same = is_as_by_chunk(latencies, &latencies->itl_token_ms),
       reference_same = is_as_by_chunk(latencies, &latencies->ref_itl_ms);
#define SB_READ(name) sb_samples_percentiles(&latencies->name, percents, count, out[SB_LATENCY_##name]);
  SB_REQUEST_METRICS(SB_READ)
  sb_samples_percentiles_and_with_zeros(&latencies->itl_chunk_ms, latencies->burst_zeros, percents, count,
                                        by_chunk, by_burst);
  if (!bursts_are_chunks(latencies))
    SB_READ(itl_burst_ms)
  if (token_same)
    memcpy(out[SB_LATENCY_itl_token_ms], by_chunk, count * sizeof *by_chunk);
  else
    SB_READ(itl_token_ms)
  if (reference_same)
    memcpy(out[SB_LATENCY_ref_itl_ms], by_chunk, count * sizeof *by_chunk);
  else
    SB_READ(ref_itl_ms)
#undef SB_READ
}

void sb_latencies_summaries(sb_latencies *latencies, sb_summary out[SB_LATENCY_COUNT])
{
  double values[SB_LATENCY_COUNT][SB_PERCENTILES];
#define SB_MOMENTS(name) sb_samples_moments(&latencies->name, &out[SB_LATENCY_##name]);
  SB_REQUEST_METRICS(SB_MOMENTS)
  SB_MOMENTS(itl_chunk_ms)
#define SB_MOMENTS_UNLESS_SAME(name)                       \
  if (is_as_by_chunk(latencies, &latencies->name))         \
    out[SB_LATENCY_##name] = out[SB_LATENCY_itl_chunk_ms]; \
  else                                                     \
    SB_MOMENTS(name)
  SB_GAPS(SB_MOMENTS_UNLESS_SAME)
#undef SB_MOMENTS_UNLESS_SAME
#undef SB_MOMENTS
  sb_latencies_percentiles(latencies, sb_summary_percents, SB_PERCENTILES, values);
  for (size_t i = 0; i < SB_LATENCY_COUNT; i++)
    sb_summary_put_percentiles(&out[i], values[i]);
}

sb_samples *sb_latencies_find(sb_latencies *latencies, const char *name)
{
#define SB_FIND(field)           \
  if (strcmp(name, #field) == 0) \
    return &latencies->field;
  SB_LATENCIES(SB_FIND)
#undef SB_FIND
  return NULL;
}
