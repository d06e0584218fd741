#include "measure/select.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

enum {
  SORT_BITS = 12, /* 3 digits for whole nanoseconds up to 4 s and more */
  SELECT_BITS = 11,
  BUCKETS = 1 << SELECT_BITS,
  FEW = 1024, /* quicker to sort than to select from */
};

/* A number whose unsigned order is the doubles' order. */
static inline uint64_t sort_key(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static unsigned bit_length(uint64_t n)
{
  return n ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

/* How the keys of a list are cut into digits: only the bits in which they differ, the fewest digits that hold
 * them, and no more buckets than values. */
typedef struct digits {
  unsigned shift, bits, count;
} digits;

static digits cut(const double *values, size_t count)
{
  uint64_t first = sort_key(values[0]), differing = 0;
  for (size_t i = 1; i < count; i++)
    differing |= sort_key(values[i]) ^ first;
  if (!differing)
    return (digits){ 0 };
  unsigned shift = (unsigned)__builtin_ctzll(differing), span = bit_length(differing) - shift;
  unsigned most = bit_length(count);
  most = most < 4 ? 4 : most > SORT_BITS ? SORT_BITS : most;
  unsigned n = (span + most - 1) / most;
  return (digits){ shift, (span + n - 1) / n, n };
}

/* Counts become the places where each bucket begins. */
static void begin_buckets(size_t *starts, size_t buckets)
{
  size_t start = 0;
  for (size_t b = 0; b < buckets; b++) {
    size_t n = starts[b];
    starts[b] = start;
    start += n;
  }
}

/* Least-significant-digit radix sort: a comparison sort of a cell's 10^5 arrivals takes several times as long.
 * Keys are computed again in each pass: memory for them costs more. */
void sb_select_sort(double *values, uint64_t *weights, size_t count)
{
  if (count < 2)
    return;
  digits cuts = cut(values, count);
  if (cuts.count == 0)
    return;
  size_t buckets = (size_t)1 << cuts.bits, mask = buckets - 1;
  size_t *starts = sb_calloc(cuts.count * buckets, sizeof *starts);
  for (size_t i = 0; i < count; i++) {
    uint64_t key = sort_key(values[i]) >> cuts.shift;
    for (unsigned d = 0; d < cuts.count; d++, key >>= cuts.bits)
      starts[d * buckets + (key & mask)]++;
  }
  double *scratch = sb_alloc(count * sizeof *scratch), *from = values, *to = scratch;
  uint64_t *weight_scratch = weights ? sb_alloc(count * sizeof *weights) : NULL;
  uint64_t *weights_from = weights, *weights_to = weight_scratch;
  for (unsigned d = 0; d < cuts.count; d++) {
    unsigned shift = cuts.shift + d * cuts.bits;
    size_t *start = starts + d * buckets;
    begin_buckets(start, buckets);
    for (size_t i = 0; i < count; i++) {
      size_t at = start[sort_key(from[i]) >> shift & mask]++;
      to[at] = from[i];
      if (weights)
        weights_to[at] = weights_from[i];
    }
    double *swap = from;
    from = to;
    to = swap;
    uint64_t *weights_swap = weights_from;
    weights_from = weights_to;
    weights_to = weights_swap;
  }
  if (from != values) {
    memcpy(values, from, count * sizeof *values);
    if (weights)
      memcpy(weights, weights_from, count * sizeof *weights);
  }
  free(weight_scratch);
  free(scratch);
  free(starts);
}

/* `before`: the weight of smaller values that are not in the list. */
static void read_sorted(const double *values, const uint64_t *weights, uint64_t before, const uint64_t *ranks,
                        size_t n, double *out)
{
  for (size_t r = 0, i = 0; r < n; r++) {
    if (!weights) {
      out[r] = values[ranks[r] - before];
      continue;
    }
    while (ranks[r] - before >= weights[i])
      before += weights[i++];
    out[r] = values[i];
  }
}

void sb_select_read(const double *values, const uint64_t *weights, const uint64_t *ranks, size_t n,
                    double *out)
{
  read_sorted(values, weights, 0, ranks, n, out);
}

/* The range of a list's keys, cut into equal buckets. */
typedef struct range {
  uint64_t from;
  unsigned shift;
  size_t counts[BUCKETS], ends[BUCKETS];
  uint64_t weights[BUCKETS];
} range;

static inline size_t bucket_of(const range *in, double value)
{
  return (sort_key(value) - in->from) >> in->shift;
}

static uint64_t weight_of(const range *in, bool weighted, size_t bucket)
{
  return weighted ? in->weights[bucket] : in->counts[bucket];
}

/* NULL where all values are the same. */
static range *divide(const double *values, const uint64_t *weights, size_t count)
{
  uint64_t least = UINT64_MAX, most = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t key = sort_key(values[i]);
    least = key < least ? key : least;
    most = key > most ? key : most;
  }
  if (least == most)
    return NULL;
  range *in = sb_calloc(1, sizeof *in);
  unsigned span = bit_length(most - least);
  in->from = least;
  in->shift = span > SELECT_BITS ? span - SELECT_BITS : 0;
  for (size_t i = 0; i < count; i++)
    in->counts[bucket_of(in, values[i])]++;
  for (size_t i = 0; weights && i < count; i++)
    in->weights[bucket_of(in, values[i])] += weights[i];
  return in;
}

/* How many of the ranks, all of which are at least `before`, lie less than `weight` above it. */
static size_t ranks_within(uint64_t before, uint64_t weight, const uint64_t *ranks, size_t n)
{
  size_t within = 0;
  while (within < n && ranks[within] - before < weight)
    within++;
  return within;
}

/* Gives each bucket that holds a rank its place, and all others none; returns how many values they have. */
static size_t place(range *in, bool weighted, uint64_t before, const uint64_t *ranks, size_t n)
{
  size_t placed = 0;
  for (size_t b = 0, r = 0; b < BUCKETS; b++) {
    uint64_t weight = weight_of(in, weighted, b);
    size_t within = ranks_within(before, weight, ranks + r, n - r);
    in->ends[b] = within ? placed : SIZE_MAX;
    placed += within ? in->counts[b] : 0;
    before += weight;
    r += within;
  }
  return placed;
}

static void gather(range *in, const double *values, const uint64_t *weights, size_t count, double *to,
                   uint64_t *weights_to)
{
  for (size_t i = 0; i < count; i++) {
    size_t *end = &in->ends[bucket_of(in, values[i])];
    if (*end == SIZE_MAX)
      continue;
    to[*end] = values[i];
    if (weights)
      weights_to[*end] = weights[i];
    ++*end;
  }
}

/* Radix selection: only buckets that hold a rank are looked into; each level narrows the keys by 11 bits. */
static void narrow(double *values, uint64_t *weights, size_t count, uint64_t before, const uint64_t *ranks,
                   size_t n, double *out)
{
  if (count < FEW) {
    sb_select_sort(values, weights, count);
    read_sorted(values, weights, before, ranks, n, out);
    return;
  }
  range *in = divide(values, weights, count);
  if (!in) {
    for (size_t r = 0; r < n; r++)
      out[r] = values[0];
    return;
  }
  size_t placed = place(in, weights, before, ranks, n);
  double *some = sb_alloc(placed * sizeof *some);
  uint64_t *some_weights = weights ? sb_alloc(placed * sizeof *weights) : NULL;
  gather(in, values, weights, count, some, some_weights);
  for (size_t b = 0, r = 0; r < n; b++) {
    uint64_t weight = weight_of(in, weights, b);
    size_t within = ranks_within(before, weight, ranks + r, n - r);
    if (within) {
      size_t start = in->ends[b] - in->counts[b];
      narrow(some + start, weights ? some_weights + start : NULL, in->counts[b], before, ranks + r, within,
             out + r);
    }
    before += weight;
    r += within;
  }
  free(some_weights);
  free(some);
  free(in);
}

void sb_select_ranks(double *values, uint64_t *weights, size_t count, const uint64_t *ranks, size_t n,
                     double *out)
{
  narrow(values, weights, count, 0, ranks, n, out);
}
