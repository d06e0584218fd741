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

static double between_ms(int64_t from, int64_t to, double clock_scale)
{
  return from && to ? (double)(to - from) / 1e6 * clock_scale : NAN;
}

void sb_request_figures_compute(const sb_record *record, const sb_span *span, double clock_scale,
                                sb_request_figures *figures)
{
  int64_t tokens = sb_record_tokens(record), send = record->t_send;
  figures->ttft_ms = between_ms(send, span->first_token, clock_scale);
  figures->send_late_ms = between_ms(record->t_intended, record->t_send, clock_scale);
  figures->ttft_intended_ms = between_ms(record->t_intended, span->first_token, clock_scale);
  figures->e2el_ms = between_ms(send, span->last_token, clock_scale);
  figures->ref_ttft_ms = between_ms(send, span->first_text, clock_scale);
  double gaps = tokens > 1 ? (double)(tokens - 1) : NAN;
  figures->tpot_ms = between_ms(span->first_token, span->last_token, clock_scale) / gaps;
  figures->ref_tpot_ms =
      (between_ms(send, span->last_text, clock_scale) - figures->ref_ttft_ms) / gaps;
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
