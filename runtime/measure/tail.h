#ifndef SB_TAIL_H
#define SB_TAIL_H

#include <stdint.h>

/* What a sample can say of a percentile far out, whatever the distribution: the number of samples beyond the true
 * percentile is binomial, so two ranks bound it. Gaps between the chunks of one answer hang together; for them the
 * ranks are those of as many samples as there are requests, as shares of all gaps. */

/* The least number of requests from which the second largest value lies beyond the true percentile with 99 %
 * confidence: MLPerf's rule of early stopping (64 for the 90th, 662 for the 99th). With fewer, the figure is as good
 * as one of the largest few values. `percent` in (0, 100). */
uint64_t sb_tail_needs(double percent);

typedef struct sb_tail {
  double low,
      high; /* percentages of the sample between which the true percentile lies with the level's confidence;
                        NaN where no rank of so few samples bounds it on that side */
} sb_tail;

sb_tail sb_tail_bounds(double percent, uint64_t requests, double level);

#endif
