#include "measure/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

void sb_samples_deinit(sb_samples *samples)
{
  free(samples->items);
  *samples = (sb_samples){ 0 };
}

void sb_samples_add(sb_samples *samples, double value)
{
  sb_samples_add_weighted(samples, value, 1);
}

void sb_samples_add_weighted(sb_samples *samples, double value, uint64_t weight)
{
  if (isnan(value) || weight == 0)
    return;
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity ? samples->capacity * 2 : 64;
    samples->items = sb_realloc(samples->items, samples->capacity * sizeof *samples->items);
  }
  samples->items[samples->count++] = (sb_sample){ value, weight };
  samples->total += weight;
  samples->sorted = false;
}

bool sb_samples_equal(const sb_samples *a, const sb_samples *b)
{
  return a->count == b->count && (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

static int by_value(const void *a, const void *b)
{
  double x = ((const sb_sample *)a)->value, y = ((const sb_sample *)b)->value;
  return (x > y) - (x < y);
}

/* A number whose unsigned order is the doubles' order. */
static uint64_t sort_key(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

enum { DIGIT_BITS = 11, DIGITS = 6, BUCKETS = 1 << DIGIT_BITS };

/* Least-significant-digit radix sort: a cell holds some 10^5 gaps of each kind, and a comparison sort of all
 * of them takes several times as long. Keys are computed again in each pass: memory for them costs more. */
static void radix_sort(sb_sample *items, size_t count)
{
  size_t (*starts)[BUCKETS] = sb_calloc(DIGITS, sizeof *starts);
  for (size_t i = 0; i < count; i++) {
    uint64_t key = sort_key(items[i].value);
    for (unsigned d = 0; d < DIGITS; d++)
      starts[d][key >> d * DIGIT_BITS & (BUCKETS - 1)]++;
  }
  sb_sample *scratch = sb_alloc(count * sizeof *scratch), *from = items, *to = scratch;
  for (unsigned d = 0; d < DIGITS; d++) {
    unsigned shift = d * DIGIT_BITS;
    if (starts[d][sort_key(from[0].value) >> shift & (BUCKETS - 1)] == count)
      continue; /* all share this digit */
    size_t start = 0;
    for (size_t b = 0; b < BUCKETS; b++) {
      size_t n = starts[d][b];
      starts[d][b] = start;
      start += n;
    }
    for (size_t i = 0; i < count; i++)
      to[starts[d][sort_key(from[i].value) >> shift & (BUCKETS - 1)]++] = from[i];
    sb_sample *swap = from;
    from = to;
    to = swap;
  }
  if (from != items)
    memcpy(items, from, count * sizeof *items);
  free(scratch);
  free(starts);
}

void sb_samples_sort(sb_samples *samples)
{
  if (samples->sorted || samples->count == 0)
    return;
  if (samples->count < 2 * BUCKETS)
    qsort(samples->items, samples->count, sizeof *samples->items, by_value);
  else
    radix_sort(samples->items, samples->count);
  samples->sorted = true;
}

/* The values at ranks `rank` and `rank` + 1 (the last one twice at the end), from 0. */
static void at_rank(const sb_samples *samples, uint64_t rank, double *low, double *high)
{
  const sb_sample *item = samples->items, *last = item + samples->count - 1;
  if (samples->total == samples->count) {
    item += rank;
    rank = 0;
  } else {
    while (rank >= item->weight && item < last)
      rank -= item++->weight;
  }
  *low = item->value;
  *high = rank + 1 < item->weight || item == last ? item->value : item[1].value;
}

double sb_samples_percentile(sb_samples *samples, double percent)
{
  if (samples->count == 0)
    return NAN;
  sb_samples_sort(samples);
  double rank = (double)(samples->total - 1) * (percent / 100.0);
  double whole = floor(rank), part = rank - whole;
  double low, high;
  at_rank(samples, (uint64_t)whole, &low, &high);
  double step = high - low;
  /* from the nearer end, as numpy does, so that the last bit agrees */
  return part >= 0.5 ? high - step * (1.0 - part) : low + step * part;
}

double sb_samples_mean(const sb_samples *samples)
{
  double sum = 0.0;
  for (size_t i = 0; i < samples->count; i++)
    sum += samples->items[i].value * (double)samples->items[i].weight;
  return samples->total ? sum / (double)samples->total : NAN;
}

double sb_samples_std(const sb_samples *samples)
{
  double mean = sb_samples_mean(samples), sum = 0.0;
  for (size_t i = 0; i < samples->count; i++) {
    double off = samples->items[i].value - mean;
    sum += off * off * (double)samples->items[i].weight;
  }
  return samples->total ? sqrt(sum / (double)samples->total) : NAN;
}

void sb_samples_summary(sb_samples *samples, sb_summary *summary)
{
  summary->count = (double)samples->total;
  summary->mean = sb_samples_mean(samples);
  summary->std = sb_samples_std(samples);
#define SB_PUT(to, name, percent) (to)->name = sb_samples_percentile(samples, percent);
  SB_SUMMARY_PERCENTILES(SB_PUT, summary)
#undef SB_PUT
}
