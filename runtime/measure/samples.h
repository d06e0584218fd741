#ifndef SB_SAMPLES_H
#define SB_SAMPLES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every sample of one quantity, kept exactly: no histogram, no estimate. A sample may stand for several equal
 * ones (weight), and every figure is that of the list written out in full. Zero-initialise; deinit when done.
 *
 * Percentile: linear interpolation between the closest ranks, h = (n - 1) p / 100 (Hyndman & Fan 1996,
 * definition 7; numpy's default, rounding included). Standard deviation: the population's (divisor n), two
 * passes. Figures of no samples are NaN, which means "absent". */

typedef struct sb_samples {
  double *values;
  uint64_t *weights; /* NULL while each is 1 */
  size_t count, capacity;
  uint64_t total; /* the weights' sum: what n is above */
  bool sorted;
} sb_samples;

void sb_samples_deinit(sb_samples *samples);

/* What the rarer cases of adding need: the first weight other than 1, more memory. */
void sb_samples_add_slowly(sb_samples *samples, double value, uint64_t weight);

/* Makes room for `more` samples beside those that are there. */
void sb_samples_reserve(sb_samples *samples, size_t more);

/* NaN and weight 0 are left out. Inline, as it is called some times for each chunk of a run. */
static inline void sb_samples_add_weighted(sb_samples *samples, double value, uint64_t weight)
{
  if ((weight != 1 && !samples->weights) || weight == 0 || samples->count == samples->capacity ||
      isnan(value)) {
    sb_samples_add_slowly(samples, value, weight);
    return;
  }
  if (samples->weights)
    samples->weights[samples->count] = weight;
  samples->values[samples->count++] = value;
  samples->total += weight;
  samples->sorted = false;
}

static inline void sb_samples_add(sb_samples *samples, double value)
{
  sb_samples_add_weighted(samples, value, 1);
}

static inline uint64_t sb_samples_weight(const sb_samples *samples, size_t i)
{
  return samples->weights ? samples->weights[i] : 1;
}

/* Whether both hold the same samples in the same order. */
bool sb_samples_equal(const sb_samples *a, const sb_samples *b);

/* Sorts the samples by value, once; the percentile does it by itself. */
void sb_samples_sort(sb_samples *samples);

double sb_samples_percentile(sb_samples *samples, double percent); /* 0 .. 100 */

/* What every latency is reported with besides count, mean and std: X(context, field, percent),
 * percentages ascending. */
/* clang-format off */
#define SB_SUMMARY_PERCENTILES(X, context)                                            \
  X(context, min, 0.0) X(context, median, 50.0) X(context, p50, 50.0)                 \
  X(context, p90, 90.0) X(context, p95, 95.0) X(context, p99, 99.0)                   \
  X(context, p999, 99.9) X(context, max, 100.0)
/* clang-format on */

#define SB_COUNT(context, name, percent) +1
enum { SB_PERCENTILES = SB_SUMMARY_PERCENTILES(SB_COUNT, ) };
#undef SB_COUNT

/* At most SB_PERCENTILES of them, without sorting the samples: for a few figures of many. May leave the samples in
 * another order. */
void sb_samples_percentiles(sb_samples *samples, const double *percents, size_t count, double *out);

/* The same, and in the same search those of the samples, none of which is below 0, with `zeros` more of 0. */
void sb_samples_percentiles_and_with_zeros(sb_samples *samples, uint64_t zeros, const double *percents,
                                           size_t count, double *out, double *out_with_zeros);

typedef struct sb_summary {
  double count, mean, std;
#define SB_FIELD(context, name, percent) double name;
  SB_SUMMARY_PERCENTILES(SB_FIELD, )
#undef SB_FIELD
} sb_summary;

/* count, mean and std of the samples in the order in which they were added, on which the last bits depend. */
void sb_samples_moments(const sb_samples *samples, sb_summary *summary);

/* The percentages of SB_SUMMARY_PERCENTILES, and how a summary gets the values at them. */
extern const double sb_summary_percents[SB_PERCENTILES];
void sb_summary_put_percentiles(sb_summary *summary, const double values[SB_PERCENTILES]);

/* All of it. May leave the samples in another order. */
void sb_samples_summary(sb_samples *samples, sb_summary *summary);

#endif
