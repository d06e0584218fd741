#include "measure/request.h"

#include <math.h>

void sb_record_span(const sb_record *record, sb_span *span)
{
  bool per_chunk = sb_token_source_per_chunk(record->token_source);
  *span = (sb_span){ 0 };
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(&record->timeline, &reader);
  while (sb_timeline_next(&reader, &chunk))
    sb_span_add(span, per_chunk, &chunk);
}

sb_reference_rule sb_reference_rule_of(const sb_run *run)
{
  return !run->events_known ? SB_REFERENCE_UNKNOWN : run->chat ? SB_REFERENCE_EVENTS : SB_REFERENCE_CHUNKS;
}

static void next_other(sb_others_reader *others)
{
  bool more = sb_timeline_next(&others->reader, &others->next);
  others->chunks = more ? others->chunks + others->next.tokens : UINT64_MAX;
}

void sb_others_read(const sb_record *record, sb_others_reader *others)
{
  sb_timeline_read(&record->others, &others->reader);
  others->chunks = 0;
  next_other(others);
}

int64_t sb_others_before_some(sb_others_reader *others, uint64_t chunk, int64_t t_ns)
{
  for (; others->chunks <= chunk; next_other(others))
    if (!others->next.has_text && others->next.t_ns > t_ns)
      t_ns = others->next.t_ns;
  return t_ns;
}

/* Arrival of [DONE]; 0: it did not come. */
static int64_t end_mark_of(const sb_record *record)
{
  sb_others_reader others;
  for (sb_others_read(record, &others); others.chunks != UINT64_MAX; next_other(&others))
    if (others.next.has_text)
      return others.next.t_ns;
  return 0;
}

static double between_ms(int64_t from, int64_t to, double clock_scale)
{
  return from && to ? (double)(to - from) / 1e6 * clock_scale : NAN;
}

void sb_request_metrics_compute(const sb_record *record, const sb_span *span, double clock_scale,
                                sb_reference_rule rule, sb_request_metrics *metrics)
{
  int64_t tokens = sb_record_tokens(record), send = record->t_send;
  metrics->ttft_ms = between_ms(send, span->first_token, clock_scale);
  metrics->send_late_ms = between_ms(record->t_intended, record->t_send, clock_scale);
  metrics->ttft_intended_ms = between_ms(record->t_intended, span->first_token, clock_scale);
  metrics->e2el_ms = between_ms(send, span->last_token, clock_scale);
  bool known = rule != SB_REFERENCE_UNKNOWN;
  int64_t ref_end = rule == SB_REFERENCE_EVENTS ? end_mark_of(record) : span->last_text;
  metrics->ref_ttft_ms = known ? between_ms(send, span->first_text, clock_scale) : NAN;
  double gaps = tokens > 1 ? (double)(tokens - 1) : NAN;
  metrics->tpot_ms = between_ms(span->first_token, span->last_token, clock_scale) / gaps;
  metrics->ref_tpot_ms = (between_ms(send, ref_end, clock_scale) - metrics->ref_ttft_ms) / gaps;
}

double sb_record_time_to_token_ms(const sb_record *record, uint64_t m, double clock_scale)
{
  if (!sb_token_source_per_chunk(record->token_source))
    return NAN;
  uint64_t tokens = 0;
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(&record->timeline, &reader);
  while (sb_timeline_next(&reader, &chunk)) {
    tokens += chunk.tokens;
    if (tokens >= m)
      return between_ms(record->t_send, chunk.t_ns, clock_scale);
  }
  return NAN;
}
