#ifndef SB_SIM_LENGTHS_H
#define SB_SIM_LENGTHS_H

#include <stdint.h>

#include "sim/profile.h"

/* How long an answer is when the request does not force it: gamma-distributed with the task's output_mean and
 * output_spread (standard deviation / mean; 0: always the mean). The same seed draws the same
 * factor under the same spread, whatever the mean. */

/* The natural length relative to the mean: > 0, mean 1 over seeds. */
double sb_sim_length_factor(double spread, uint64_t seed);

/* Tokens: mean x factor, rounded, at least 1 and at most limit (>= 1). */
int32_t sb_sim_length_draw(const sb_sim_task *task, uint64_t seed, int32_t limit);

#endif
