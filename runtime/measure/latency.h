#ifndef SB_LATENCY_H
#define SB_LATENCY_H

#include "measure/request.h"
#include "measure/samples.h"

/* The latencies of a run's completed requests, as exact samples in milliseconds (simulated time where the
 * run's clock is scaled): what cells summarise, and what a script asks for further percentiles. */

/* X(field): one sample a request for those of SB_REQUEST_METRICS, one a gap or token for the rest. */
#define SB_LATENCIES(X) SB_REQUEST_METRICS(X) X(itl_chunk_ms) SB_GAPS(X)

/* The other conventions of a gap between chunks. */
#define SB_GAPS(X) X(itl_token_ms) X(itl_burst_ms) X(ref_itl_ms)

/* Zero-initialise; deinit when done. */
typedef struct sb_latencies {
#define SB_FIELD(name) sb_samples name;
  SB_LATENCIES(SB_FIELD)
#undef SB_FIELD
  uint64_t burst_zeros; /* of itl_burst_ms: tokens that came in one chunk with the token before them */
} sb_latencies;

void sb_latencies_deinit(sb_latencies *latencies);

/* When chunks came, in nanoseconds since the origin, weighted by their tokens. */
typedef struct sb_chunk_arrivals {
  sb_samples at;
  int64_t origin_ns;
} sb_chunk_arrivals;

/* Makes room for what the chunks of all completed requests add; arrivals may be NULL. */
void sb_latencies_reserve(sb_latencies *latencies, const sb_run *run, sb_chunk_arrivals *arrivals);

/* Reads a completed request's chunks, once: adds their gaps, and their arrivals where its source tells tokens
 * chunk by chunk (arrivals may be NULL); *span is sb_record_span's. `clock_scale` and `rule` are the run's. */
void sb_latencies_read(sb_latencies *latencies, const sb_record *record, double clock_scale,
                       sb_reference_rule rule, sb_chunk_arrivals *arrivals, sb_span *span);

/* Adds the latencies of the request as a whole. */
void sb_latencies_add(sb_latencies *latencies, const sb_request_metrics *metrics);

/* All completed requests of a run. */
void sb_latencies_gather(sb_latencies *latencies, const sb_run *run);

enum {
#define SB_INDEX(name) SB_LATENCY_##name,
  SB_LATENCIES(SB_INDEX)
#undef SB_INDEX
      SB_LATENCY_COUNT
};

/* sb_samples_percentiles of every latency: out[SB_LATENCY_name][i] is percents[i] of it. May leave samples in another
 * order. */
void sb_latencies_percentiles(sb_latencies *latencies, const double *percents, size_t count,
                              double (*out)[SB_PERCENTILES]);

/* sb_samples_summary of every latency: out[SB_LATENCY_name]; the same holds. */
void sb_latencies_summaries(sb_latencies *latencies, sb_summary out[SB_LATENCY_COUNT]);

/* "itl_token_ms" -> its samples; NULL where no latency has that name. */
sb_samples *sb_latencies_find(sb_latencies *latencies, const char *name);

#endif
