#include "measure/metrics.h"

#include <string.h>

typedef struct place {
  const char *name, *unit;
  sb_metric_kind kind;
  size_t offset;
} place;

#define CELL(field, unit, kind) { #field, unit, SB_METRIC_##kind, offsetof(sb_metrics, field) },

#define STATISTIC(latency, field, unit, kind)    \
  { #latency "." #field, unit, SB_METRIC_##kind, \
    offsetof(sb_metrics, latency) + offsetof(sb_summary, field) },
#define PERCENTILE(latency, field, percent) STATISTIC(latency, field, "ms", REAL)
#define LATENCY(latency)                        \
  STATISTIC(latency, count, "samples", INTEGER) \
  STATISTIC(latency, mean, "ms", REAL)          \
  STATISTIC(latency, std, "ms", REAL)           \
  SB_SUMMARY_PERCENTILES(PERCENTILE, latency)

static const place places[] = { SB_CELL_METRICS(CELL) SB_LATENCIES(LATENCY) };

size_t sb_metrics_list(const sb_metrics *metrics, sb_metric_entry *out, size_t capacity)
{
  size_t count = sizeof places / sizeof *places;
  for (size_t i = 0; i < count && i < capacity; i++) {
    out[i] = (sb_metric_entry){ places[i].name, places[i].unit, places[i].kind, 0.0 };
    memcpy(&out[i].value, (const char *)metrics + places[i].offset, sizeof out[i].value);
  }
  return count;
}
