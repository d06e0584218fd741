#ifndef SB_METRICS_H
#define SB_METRICS_H

#include <stddef.h>

#include "measure/latency.h"

/* The figures of one cell, computed from its run (runtime/measure/README.md defines each). All are doubles,
 * so that one rule covers them: NaN means absent, because the records cannot tell; nothing is guessed. */

typedef enum sb_metric_kind { SB_METRIC_REAL, SB_METRIC_INTEGER, SB_METRIC_FLAG } sb_metric_kind;

/* X(field, unit, kind). Seconds are simulated ones where the run's clock is scaled. */
#define SB_CELL_METRICS(X)                           \
  X(requests, "requests", INTEGER)                   \
  X(completed, "requests", INTEGER)                  \
  X(failed, "requests", INTEGER)                     \
  X(duration, "s", REAL)                             \
  X(run_duration, "s", REAL)                         \
  X(ref_duration, "s", REAL)                         \
  X(total_input_tokens, "tokens", INTEGER)           \
  X(total_output_tokens, "tokens", INTEGER)          \
  X(input_tokens_unknown, "requests", INTEGER)       \
  X(output_tokens_unknown, "requests", INTEGER)      \
  X(token_mismatches, "requests", INTEGER)           \
  X(request_throughput, "requests/s", REAL)          \
  X(output_throughput, "tokens/s", REAL)             \
  X(total_token_throughput, "tokens/s", REAL)        \
  X(request_goodput, "requests/s", REAL)             \
  X(peak_output_throughput, "tokens/s", INTEGER)     \
  X(steady_duration, "s", REAL)                      \
  X(steady_share, "ratio", REAL)                     \
  X(drain, "flag", FLAG)                             \
  X(steady_request_throughput, "requests/s", REAL)   \
  X(steady_output_throughput, "tokens/s", REAL)      \
  X(steady_total_token_throughput, "tokens/s", REAL) \
  X(steady_longest_gap, "s", REAL)                   \
  X(mean_concurrency, "requests", REAL)              \
  X(max_concurrency, "requests", INTEGER)            \
  X(tokens_per_chunk, "tokens", REAL)                \
  X(decode_tpot_ms, "ms", REAL)                      \
  X(draft_tokens, "tokens", INTEGER)                 \
  X(accepted_tokens, "tokens", INTEGER)              \
  X(acceptance_rate, "ratio", REAL)                  \
  X(tokens_per_step, "tokens", REAL)

typedef struct sb_metrics {
#define SB_FIELD(name, unit, kind) double name;
  SB_CELL_METRICS(SB_FIELD)
#undef SB_FIELD
#define SB_FIELD(name) sb_summary name;
  SB_LATENCIES(SB_FIELD)
#undef SB_FIELD
} sb_metrics;

/* Service-level objectives, milliseconds; below 0: not set. */
typedef struct sb_slo {
  double ttft_ms, tpot_ms, e2el_ms;
} sb_slo;

/* slo may be NULL. */
void sb_metrics_compute(const sb_run *run, const sb_slo *slo, sb_metrics *metrics);

/* The same, and the latencies that it gathers, as sb_latencies_gather does; they are empty before, and the caller's. */
void sb_metrics_and_latencies(const sb_run *run, const sb_slo *slo, sb_metrics *metrics,
                              sb_latencies *latencies);

typedef struct sb_metric_entry {
  const char *name; /* "output_throughput", "ttft_ms.p99"; static */
  const char *unit;
  sb_metric_kind kind; /* INTEGER and FLAG (0 or 1) are whole numbers */
  double value;        /* NaN: absent */
} sb_metric_entry;

/* Writes at most `capacity` figures to `out` in a fixed order; returns how many there are in all (out may be
 * NULL with capacity 0). */
size_t sb_metrics_list(const sb_metrics *metrics, sb_metric_entry *out, size_t capacity);

#endif
