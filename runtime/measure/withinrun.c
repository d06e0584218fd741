#include "measure/withinrun.h"

#include <math.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "measure/request.h"

enum { RESAMPLES = 1000 };

/* Columns of a row: those of a side for the baseline, then for the method, then the pair's own. */
enum { INPUT, OUTPUT, LATENCY, DECODING, GAPS, SIDE, PAIRED = 2 * SIDE, COLUMNS };

static void fill_side(double *side, const sb_record *record, double clock_scale)
{
  sb_span span;
  sb_request_metrics metrics;
  sb_record_span(record, &span);
  sb_request_metrics_compute(record, &span, clock_scale, SB_REFERENCE_UNKNOWN, &metrics);
  int64_t tokens = sb_record_tokens(record), prompt_tokens = sb_record_prompt_tokens(record);
  side[INPUT] = prompt_tokens >= 0 ? (double)prompt_tokens : NAN;
  side[OUTPUT] = tokens >= 0 ? (double)tokens : NAN;
  side[LATENCY] = metrics.e2el_ms;
  side[GAPS] = tokens > 1 ? (double)(tokens - 1) : 0.0;
  side[DECODING] = tokens > 1 ? metrics.tpot_ms * side[GAPS] : 0.0;
}

static double log_speedup(double baseline, double method)
{
  return baseline > 0.0 && method > 0.0 ? log(baseline / method) : NAN;
}

/* In the order of SB_SPEEDUPS; a figure that any prompt does not tell is NaN. */
static void compute(const double *sums, size_t count, double *figures)
{
  const double *a = sums, *b = sums + SIDE;
  figures[0] = log_speedup(a[LATENCY] / (a[INPUT] + a[OUTPUT]), b[LATENCY] / (b[INPUT] + b[OUTPUT]));
  figures[1] = log_speedup(a[LATENCY] / a[OUTPUT], b[LATENCY] / b[OUTPUT]);
  figures[2] = log_speedup(a[DECODING] / a[GAPS], b[DECODING] / b[GAPS]);
  figures[3] = sums[PAIRED] / (double)count;
}

void sb_withinrun_compute(const sb_pairs *pairs, size_t count, const double (*clock_scales)[2], double level,
                          uint64_t seed, sb_withinrun *bounds)
{
  size_t rows = 0;
  for (size_t i = 0; i < count; i++)
    rows += pairs[i].count;
  double *values = sb_calloc(rows + 1, COLUMNS * sizeof *values), *row = values;
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < pairs[i].count; k++, row += COLUMNS) {
      const sb_pair *pair = &pairs[i].items[k];
      fill_side(row, pair->baseline, clock_scales[i][0]);
      fill_side(row + SIDE, pair->method, clock_scales[i][1]);
      row[PAIRED] = pair->log_ratio;
    }
  sb_bounds found[4];
  sb_bootstrap bootstrap = { .rows = values,
                             .count = rows,
                             .columns = COLUMNS,
                             .figures = 4,
                             .compute = compute,
                             .resamples = RESAMPLES,
                             .level = level,
                             .seed = seed };
  sb_bootstrap_run(&bootstrap, found);
  const sb_bounds *next = found;
#define SB_TAKE(name) bounds->name = *next++;
  SB_SPEEDUPS(SB_TAKE)
#undef SB_TAKE
  free(values);
}
