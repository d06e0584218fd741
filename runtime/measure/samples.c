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

void sb_samples_reserve(sb_samples *samples, size_t more)
{
  size_t wanted = samples->count + more;
  if (wanted <= samples->capacity)
    return;
  samples->capacity = wanted;
  samples->values = sb_realloc(samples->values, wanted * sizeof *samples->values);
  if (samples->weights)
    samples->weights = sb_realloc(samples->weights, wanted * sizeof *samples->weights);
}

void sb_samples_add_slowly(sb_samples *samples, double value, uint64_t weight)
{
  if (isnan(value) || weight == 0)
    return;
  if (samples->count == samples->capacity)
    sb_samples_reserve(samples, samples->count ? samples->count : 64);
  if (weight != 1 && !samples->weights)
    keep_weights(samples);
  sb_samples_add_weighted(samples, value, weight);
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

static place place_of(uint64_t total, double percent)
{
  double rank = (double)(total - 1) * (percent / 100.0), whole = floor(rank);
  uint64_t low = (uint64_t)whole;
  return (place){ low, low + 1 < total ? low + 1 : low, rank - whole };
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
  place at = place_of(samples->total, percent);
  double values[2];
  sb_select_read(samples->values, samples->weights, (uint64_t[]){ at.low, at.high }, 2, values);
  return between(values[0], values[1], at.part);
}

/* Ranks that are looked for together, each once and in ascending order, and what stands there. */
typedef struct search {
  uint64_t ranks[4 * SB_PERCENTILES];
  double values[4 * SB_PERCENTILES];
  size_t count;
} search;

static void want(search *s, uint64_t rank)
{
  size_t i = s->count;
  while (i > 0 && s->ranks[i - 1] > rank)
    i--;
  if (i > 0 && s->ranks[i - 1] == rank)
    return;
  memmove(s->ranks + i + 1, s->ranks + i, (s->count++ - i) * sizeof *s->ranks);
  s->ranks[i] = rank;
}

static void find(search *s, sb_samples *samples)
{
  if (s->count == 0)
    return;
  if (samples->sorted)
    sb_select_read(samples->values, samples->weights, s->ranks, s->count, s->values);
  else
    sb_select_ranks(samples->values, samples->weights, samples->count, s->ranks, s->count, s->values);
}

static double found(const search *s, uint64_t rank)
{
  size_t i = 0;
  while (s->ranks[i] != rank)
    i++;
  return s->values[i];
}

/* What it takes to tell a percentile of the samples behind so many zeros. */
static void want_percentile(search *s, uint64_t zeros, uint64_t total, double percent)
{
  if (total == 0)
    return;
  place at = place_of(total, percent);
  if (at.low >= zeros)
    want(s, at.low - zeros);
  if (at.high >= zeros)
    want(s, at.high - zeros);
}

static double found_percentile(const search *s, uint64_t zeros, uint64_t total, double percent)
{
  if (total == 0)
    return NAN;
  place at = place_of(total, percent);
  return between(at.low >= zeros ? found(s, at.low - zeros) : 0.0,
                 at.high >= zeros ? found(s, at.high - zeros) : 0.0, at.part);
}

void sb_samples_percentiles_and_with_zeros(sb_samples *samples, uint64_t zeros, const double *percents,
                                           size_t count, double *out, double *out_with_zeros)
{
  search s = { .count = 0 };
  for (size_t i = 0; i < count; i++) {
    want_percentile(&s, 0, samples->total, percents[i]);
    want_percentile(&s, zeros, samples->total + zeros, percents[i]);
  }
  find(&s, samples);
  for (size_t i = 0; i < count; i++) {
    out[i] = found_percentile(&s, 0, samples->total, percents[i]);
    out_with_zeros[i] = found_percentile(&s, zeros, samples->total + zeros, percents[i]);
  }
}

void sb_samples_percentiles(sb_samples *samples, const double *percents, size_t count, double *out)
{
  double same[SB_PERCENTILES];
  sb_samples_percentiles_and_with_zeros(samples, 0, percents, count, out, same);
}

static double mean_of(const sb_samples *samples)
{
  double sum = 0.0;
  for (size_t i = 0; i < samples->count; i++)
    sum += samples->values[i] * (double)sb_samples_weight(samples, i);
  return samples->total ? sum / (double)samples->total : NAN;
}

static double std_of(const sb_samples *samples, double mean)
{
  double sum = 0.0;
  for (size_t i = 0; i < samples->count; i++) {
    double off = samples->values[i] - mean;
    sum += off * off * (double)sb_samples_weight(samples, i);
  }
  return samples->total ? sqrt(sum / (double)samples->total) : NAN;
}

void sb_samples_moments(const sb_samples *samples, sb_summary *summary)
{
  summary->count = (double)samples->total;
  summary->mean = mean_of(samples);
  summary->std = std_of(samples, summary->mean);
}

#define SB_PERCENT(context, name, percent) percent,
const double sb_summary_percents[SB_PERCENTILES] = { SB_SUMMARY_PERCENTILES(SB_PERCENT, ) };
#undef SB_PERCENT

void sb_summary_put_percentiles(sb_summary *summary, const double values[SB_PERCENTILES])
{
#define SB_PUT(to, name, percent) (to)->name = *values++;
  SB_SUMMARY_PERCENTILES(SB_PUT, summary)
#undef SB_PUT
}

void sb_samples_summary(sb_samples *samples, sb_summary *summary)
{
  double values[SB_PERCENTILES];
  sb_samples_moments(samples, summary);
  sb_samples_percentiles(samples, sb_summary_percents, SB_PERCENTILES, values);
  sb_summary_put_percentiles(summary, values);
}
