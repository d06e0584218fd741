#include "measure/tail.h"

#include <math.h>

#define CONFIDENCE 0.99

uint64_t sb_tail_needs(double percent)
{
  double p = percent / 100.0, none = 1.0; /* p^n */
  for (uint64_t n = 1;; n++) {
    none *= p;
    if (none + (double)n * (1.0 - p) * none / p <= 1.0 - CONFIDENCE)
      return n;
  }
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
