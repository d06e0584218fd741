#include "sim/lengths.h"

#include <math.h>

#include "base/rng.h"

/* No answer has so many tokens that a smaller spread would show; and the gamma distribution's shape stays finite. */
#define LEAST_SPREAD 1e-9

double sb_sim_length_factor(double spread, uint64_t seed)
{
  if (spread < LEAST_SPREAD)
    return 1.0;
  sb_rng rng;
  sb_rng_init(&rng, sb_hash64(&seed, sizeof seed, 0), 2);
  double shape = 1.0 / (spread * spread);
  return sb_rng_gamma(&rng, shape) / shape;
}

int32_t sb_sim_length_draw(const sb_sim_task *task, uint64_t seed, int32_t limit)
{
  double tokens = round(task->output_mean * sb_sim_length_factor(task->output_spread, seed));
  if (tokens >= limit)
    return limit;
  return tokens < 1.0 ? 1 : (int32_t)tokens;
}
