#include "measure/tail.h"

#include <math.h>

#define CONFIDENCE 0.99

/* P(at most one of n samples lies beyond the percentile). */
static double at_most_one_beyond(uint64_t n, double p)
{
  return exp(((double)n - 1.0) * log(p)) * (p + (double)n * (1.0 - p));
}

uint64_t sb_tail_needs(double percent)
{
  double p = percent / 100.0;
  uint64_t few = 0, enough = 1;
  while (at_most_one_beyond(enough, p) > 1.0 - CONFIDENCE) {
    few = enough;
    enough *= 2;
  }
  while (enough - few > 1) {
    uint64_t middle = few + (enough - few) / 2;
    *(at_most_one_beyond(middle, p) > 1.0 - CONFIDENCE ? &few : &enough) = middle;
  }
  return enough;
}

/* P(K = k), K being the number of n samples that lie at or below the percentile. */
static double chance(double n, double k, double p)
{
  return exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(p) + (n - k) * log1p(-p));
}

/* The percentage of the sample that its value of this rank, counted from 1, is. */
static double share(double rank, double n)
{
  return n > 1.0 ? 100.0 * (rank - 1.0) / (n - 1.0) : 100.0;
}

sb_tail sb_tail_bounds(double percent, uint64_t requests, double level)
{
  double p = percent / 100.0, n = (double)requests, spare = 0.5 * (1.0 - level), sum = 0.0;
  sb_tail tail = { .low = NAN, .high = NAN };
  /* the largest rank that all but `spare` of the chance lies at or above */
  for (double k = 0.0; k < n && (sum += chance(n, k, p)) <= spare; k += 1.0)
    tail.low = share(k + 1.0, n);
  sum = 0.0;
  for (double k = n; k > 0.0 && (sum += chance(n, k, p)) <= spare; k -= 1.0)
    tail.high = share(k, n);
  return tail;
}
