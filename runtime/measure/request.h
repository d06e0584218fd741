#ifndef SB_REQUEST_H
#define SB_REQUEST_H

#include <stdint.h>

#include "measure/record.h"

/* The latencies of one request (runtime/measure/README.md defines them). NaN: the record cannot tell. */

/* Where the answer's tokens and its text begin and end, CLOCK_MONOTONIC ns; 0: none came. Where the token
 * source does not tell tokens chunk by chunk, a chunk with text counts as one that brings a token. */
typedef struct sb_span {
  int64_t first_token, last_token;
  int64_t first_text, last_text;
  uint64_t token_chunks;
} sb_span;

void sb_record_span(const sb_record *record, sb_span *span);

/* Whether a chunk brings a token; per_chunk is sb_token_source_per_chunk of its record's source. */
static inline bool sb_chunk_brings_token(bool per_chunk, const sb_chunk *chunk)
{
  return per_chunk ? chunk->tokens > 0 : chunk->has_text;
}

/* Lengthens a span (zero-initialised) by the next chunk. */
static inline void sb_span_add(sb_span *span, bool per_chunk, const sb_chunk *chunk)
{
  if (sb_chunk_brings_token(per_chunk, chunk)) {
    if (span->token_chunks++ == 0)
      span->first_token = chunk->t_ns;
    span->last_token = chunk->t_ns;
  }
  if (chunk->has_text) {
    if (!span->first_text)
      span->first_text = chunk->t_ns;
    span->last_text = chunk->t_ns;
  }
}

/* What the reference system's client would have measured. Its chat client takes a gap from the event before, of
 * whatever kind, and an answer's end from [DONE]; its completions client goes by chunks with text alone. */
typedef enum sb_reference_rule {
  SB_REFERENCE_UNKNOWN, /* the records do not have all events: no figures */
  SB_REFERENCE_CHUNKS,
  SB_REFERENCE_EVENTS
} sb_reference_rule;

sb_reference_rule sb_reference_rule_of(const sb_run *run);

/* Of the events that are no chunks, read beside the chunks. */
typedef struct sb_others_reader {
  sb_timeline_reader reader;
  sb_chunk next;
  uint64_t chunks; /* that came before it; UINT64_MAX: there is none */
} sb_others_reader;

void sb_others_read(const sb_record *record, sb_others_reader *others);

int64_t sb_others_before_some(sb_others_reader *others, uint64_t chunk, int64_t t_ns);

/* When the last of them came that stands before chunk number `chunk` (from 0) and behind what was read before; `t_ns`
 * where none does. [DONE] is left out. Inline for nearly every chunk: there is none before it. */
static inline int64_t sb_others_before(sb_others_reader *others, uint64_t chunk, int64_t t_ns)
{
  return others->chunks <= chunk ? sb_others_before_some(others, chunk, t_ns) : t_ns;
}

/* X(field): one latency a request, in milliseconds. The ref_ ones follow the reference system's rules. */
#define SB_REQUEST_METRICS(X) \
  X(send_late_ms) X(ttft_ms) X(ttft_intended_ms) X(e2el_ms) X(tpot_ms) X(ref_ttft_ms) X(ref_tpot_ms)

typedef struct sb_request_metrics {
#define SB_FIELD(name) double name;
  SB_REQUEST_METRICS(SB_FIELD)
#undef SB_FIELD
} sb_request_metrics;

/* Of a request of any outcome; clock_scale and rule are the run's. */
void sb_request_metrics_compute(const sb_record *record, const sb_span *span, double clock_scale,
                                sb_reference_rule rule, sb_request_metrics *metrics);

/* Milliseconds from t_send to the arrival of the chunk that holds token number m (from 1); NaN where fewer
 * came or where the source does not tell tokens chunk by chunk. */
double sb_record_time_to_token_ms(const sb_record *record, uint64_t m, double clock_scale);

#endif
