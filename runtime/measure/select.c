#include "measure/select.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

enum {
  SORT_BITS = 12, /* 3 digits for whole nanoseconds up to 4 s and more */
  SELECT_BITS = 11,
  FEW = 16, /* quicker to sort than to select from */
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

typedef struct bucket {
  size_t count,
      end; /* end: of what was put in its place so far; SIZE_MAX: it has none, since it holds no rank */
  uint64_t weight; /* of weighted values */
} bucket;

/* The range of a list's keys, cut into equal buckets, about as many as there are values. */
typedef struct range {
  uint64_t from;
  unsigned shift;
  size_t count;
  bucket buckets[];
} range;

static inline bucket *bucket_of(range *in, double value)
{
  return &in->buckets[(sort_key(value) - in->from) >> in->shift];
}

static uint64_t weight_of(const bucket *b, bool weighted)
{
  return weighted ? b->weight : b->count;
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
  unsigned span = bit_length(most - least), bits = bit_length(count);
  bits = bits > SELECT_BITS ? SELECT_BITS : bits;
  unsigned shift = span > bits ? span - bits : 0;
  size_t buckets = (size_t)((most - least) >> shift) + 1;
  range *in = sb_calloc(1, sizeof *in + buckets * sizeof *in->buckets);
  in->from = least;
  in->shift = shift;
  in->count = buckets;
  for (size_t i = 0; i < count; i++) {
    bucket *b = bucket_of(in, values[i]);
    b->count++;
    b->weight += weights ? weights[i] : 0;
  }
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
  size_t placed = 0, r = 0;
  for (bucket *b = in->buckets; b < in->buckets + in->count; b++) {
    uint64_t weight = weight_of(b, weighted);
    size_t within = ranks_within(before, weight, ranks + r, n - r);
    b->end = within ? placed : SIZE_MAX;
    placed += within ? b->count : 0;
    before += weight;
    r += within;
  }
  return placed;
}

static void gather(range *in, const double *values, const uint64_t *weights, size_t count, double *to,
                   uint64_t *weights_to)
{
  for (size_t i = 0; i < count; i++) {
    bucket *b = bucket_of(in, values[i]);
    if (b->end == SIZE_MAX)
      continue;
    to[b->end] = values[i];
    if (weights)
      weights_to[b->end] = weights[i];
    b->end++;
  }
}

static void insertion_sort(double *values, uint64_t *weights, size_t count)
{
  for (size_t i = 1; i < count; i++) {
    double value = values[i];
    uint64_t weight = weights ? weights[i] : 1;
    size_t at = i;
    for (; at > 0 && values[at - 1] > value; at--) {
      values[at] = values[at - 1];
      if (weights)
        weights[at] = weights[at - 1];
    }
    values[at] = value;
    if (weights)
      weights[at] = weight;
  }
}

/* Radix selection: only buckets that hold a rank are looked into, each of which is divided again. */
static void narrow(double *values, uint64_t *weights, size_t count, uint64_t before, const uint64_t *ranks,
                   size_t n, double *out)
{
  if (count <= FEW) {
    insertion_sort(values, weights, count);
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
  size_t r = 0;
  for (const bucket *b = in->buckets; r < n; b++) {
    uint64_t weight = weight_of(b, weights);
    size_t within = ranks_within(before, weight, ranks + r, n - r);
    if (within) {
      size_t start = b->end - b->count;
      narrow(some + start, weights ? some_weights + start : NULL, b->count, before, ranks + r, within,
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
