#ifndef SB_ARRIVALS_H
#define SB_ARRIVALS_H

#include <stdint.h>

#include "base/err.h"

/* When an open loop's requests are meant to go out: decided before the start, so that a slow server cannot
 * slow the load down (no coordinated omission). */

typedef enum sb_arrivals { SB_ARRIVALS_CONSTANT, SB_ARRIVALS_POISSON, SB_ARRIVALS_GAMMA } sb_arrivals;

/* Fills offsets_ns[0..count) with non-decreasing times since the start; the first request goes out at 0. Gaps
 * have mean 1 / rate (requests a second): equal, exponential, or gamma-distributed with shape `burstiness`
 * and scale 1 / (rate * burstiness): under 1 burstier than Poisson, over 1 more even, 1 is Poisson.
 * SB_EINVAL where rate or burstiness is not a positive number, or the last request would be a hundred years away. */
int sb_arrivals_fill(sb_arrivals kind, double rate, double burstiness, uint64_t seed, uint32_t count,
                     int64_t *offsets_ns, sb_err *err);

#endif
