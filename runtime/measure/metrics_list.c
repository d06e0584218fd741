#include "measure/metrics.h"

#include <string.h>

typedef struct place {
  const char *name, *unit;
  sb_metric_kind kind;
  size_t offset;
} place;

#define CELL(field, unit, kind) { #field, unit, SB_METRIC_##kind, offsetof(sb_metrics, field) },

#define STATISTIC(latency, field, unit, kind)      \
  { #latency "." #field, unit, SB_METRIC_##kind,   \
    offsetof(sb_metrics, latency) + offsetof(sb_summary, field) },
#define PERCENTILE(latency, field, percent) STATISTIC(latency, field, "ms", REAL)
#define LATENCY(latency)                        \
  STATISTIC(latency, count, "samples", INTEGER) \
  STATISTIC(latency, mean, "ms", REAL)          \
  STATISTIC(latency, std, "ms", REAL)           \
  SB_SUMMARY_PERCENTILES(PERCENTILE, latency)

static const place cell_places[] = { SB_CELL_FIGURES(CELL) SB_LATENCIES(LATENCY) };

#define REQUEST(field) { #field, "ms", SB_METRIC_REAL, offsetof(sb_request_figures, field) },
static const place request_places[] = { SB_REQUEST_FIGURES(REQUEST) };

static size_t list(const place *places, size_t count, const void *from, sb_metric_entry *out, size_t capacity)
{
  for (size_t i = 0; i < count && i < capacity; i++) {
    out[i] = (sb_metric_entry){ places[i].name, places[i].unit, places[i].kind, 0.0 };
    memcpy(&out[i].value, (const char *)from + places[i].offset, sizeof out[i].value);
  }
  return count;
}

size_t sb_metrics_list(const sb_metrics *metrics, sb_metric_entry *out, size_t capacity)
{
  return list(cell_places, sizeof cell_places / sizeof *cell_places, metrics, out, capacity);
}

size_t sb_request_figures_list(const sb_request_figures *figures, sb_metric_entry *out, size_t capacity)
{
  return list(request_places, sizeof request_places / sizeof *request_places, figures, out, capacity);
}
