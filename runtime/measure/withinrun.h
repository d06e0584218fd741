#ifndef SB_WITHINRUN_H
#define SB_WITHINRUN_H

#include "measure/bootstrap.h"
#include "measure/paired.h"

/* Bootstrap intervals over prompts for the four speed-ups, where there are too few repeats for anything
 * better. Each prompt keeps its baseline's and its method's figures together. A throughput has no share a
 * prompt; sum of tokens / sum of latencies stands for it (Little's law: at the same number in flight they are
 * proportional), so its interval is one to be put around the measured ratio. */

/* X(field): the logarithm of one speed-up. */
#define SB_SPEEDUPS(X) X(total_throughput) X(output_throughput) X(decode) X(paired)

typedef struct sb_withinrun {
#define SB_FIELD(name) sb_bounds name;
  SB_SPEEDUPS(SB_FIELD)
#undef SB_FIELD
} sb_withinrun;

/* The pairs of one run or of several, pooled. clock scales are those of the runs, one for each of `pairs`. */
void sb_withinrun_compute(const sb_pairs *pairs, size_t count, const double (*clock_scales)[2], double level,
                          uint64_t seed, sb_withinrun *bounds);

#endif
