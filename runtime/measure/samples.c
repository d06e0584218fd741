#include "measure/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "measure/select.h"

void sb_samples_deinit(sb_samples *samples)
{
  free(samples->values);
  free(samples->weights);
  *samples = (sb_samples){ 0 };
}

/* Most lists never need any: half the memory to write, to sort and to read. */
static void keep_weights(sb_samples *samples)
{
  samples->weights = sb_alloc(samples->capacity * sizeof *samples->weights);
  for (size_t i = 0; i < samples->count; i++)
    samples->weights[i] = 1;
}

void sb_samples_add_slowly(sb_samples *samples, double value, uint64_t weight)
{
  if (isnan(value) || weight == 0)
    return;
  size_t weights_capacity = samples->capacity;
  if (samples->weights)
    sb_grow(samples->weights, samples->count, weights_capacity, 64);
  sb_grow(samples->values, samples->count, samples->capacity, 64);
  if (weight != 1 && !samples->weights)
    keep_weights(samples);
  if (samples->weights)
    samples->weights[samples->count] = weight;
  samples->values[samples->count++] = value;
  samples->total += weight;
  samples->sorted = false;
}

bool sb_samples_equal(const sb_samples *a, const sb_samples *b)
{
  if (a->count != b->count || !a->weights != !b->weights)
    return false;
  return a->count == 0 ||
         (memcmp(a->values, b->values, a->count * sizeof *a->values) == 0 &&
          (!a->weights || memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0));
}

void sb_samples_sort(sb_samples *samples)
{
  if (!samples->sorted)
    sb_select_sort(samples->values, samples->weights, samples->count);
  samples->sorted = true;
}

/* Where a percentile lies: at rank `low` (from 0) or `part` of the way from there to rank `high`. */
typedef struct place {
  uint64_t low, high;
  double part;
} place;

static place place_of(const sb_samples *samples, double percent)
{
  double rank = (double)(samples->total - 1) * (percent / 100.0), whole = floor(rank);
  uint64_t low = (uint64_t)whole;
  return (place){ low, low + 1 < samples->total ? low + 1 : low, rank - whole };
}

static double between(double low, double high, double part)
{
  double step = high - low;
  /* from the nearer end, as numpy does, so that the last bit agrees */
  return part >= 0.5 ? high - step * (1.0 - part) : low + step * part;
}

double sb_samples_percentile(sb_samples *samples, double percent)
{
  if (samples->count == 0)
    return NAN;
  sb_samples_sort(samples);
  place at = place_of(samples, percent);
  double values[2];
  sb_select_read(samples->values, samples->weights, (uint64_t[]){ at.low, at.high }, 2, values);
  return between(values[0], values[1], at.part);
}

static double mean_of(const sb_samples *samples)
{
  double sum = 0.0;
  for (size_t i = 0; i < samples->count; i++)
    sum += samples->values[i] * (double)sb_samples_weight(samples, i);
  return samples->total ? sum / (double)samples->total : NAN;
}

static double std_of(const sb_samples *samples)
{
  double mean = mean_of(samples), sum = 0.0;
  for (size_t i = 0; i < samples->count; i++) {
    double off = samples->values[i] - mean;
    sum += off * off * (double)sb_samples_weight(samples, i);
  }
  return samples->total ? sqrt(sum / (double)samples->total) : NAN;
}

void sb_samples_percentiles(sb_samples *samples, const double *percents, size_t count, double *out)
{
  uint64_t ranks[2 * SB_PERCENTILES];
  place places[SB_PERCENTILES];
  size_t n = 0, low[SB_PERCENTILES], high[SB_PERCENTILES];
  for (size_t i = 0; i < count; i++)
    out[i] = NAN;
  if (samples->count == 0)
    return;
  for (size_t i = 0; i < count; i++) {
    places[i] = place_of(samples, percents[i]);
    /* of ascending places, a rank that is not new is the last one or the one before it */
    if (n == 0 || places[i].low > ranks[n - 1])
      ranks[n++] = places[i].low;
    low[i] = places[i].low == ranks[n - 1] ? n - 1 : n - 2;
    if (places[i].high > ranks[n - 1])
      ranks[n++] = places[i].high;
    high[i] = places[i].high == ranks[n - 1] ? n - 1 : n - 2;
  }
  double values[2 * SB_PERCENTILES];
  if (samples->sorted)
    sb_select_read(samples->values, samples->weights, ranks, n, values);
  else
    sb_select_ranks(samples->values, samples->weights, samples->count, ranks, n, values);
  for (size_t i = 0; i < count; i++)
    out[i] = between(values[low[i]], values[high[i]], places[i].part);
}

void sb_samples_summary(sb_samples *samples, sb_summary *summary)
{
#define SB_PERCENT(context, name, percent) percent,
  const double percents[] = { SB_SUMMARY_PERCENTILES(SB_PERCENT, ) };
#undef SB_PERCENT
  double values[SB_PERCENTILES], *value = values;
  summary->count = (double)samples->total;
  summary->mean = mean_of(samples);
  summary->std = std_of(samples);
  sb_samples_percentiles(samples, percents, SB_PERCENTILES, values);
#define SB_PUT(to, name, percent) (to)->name = *value++;
  SB_SUMMARY_PERCENTILES(SB_PUT, summary)
#undef SB_PUT
}
