#include "base/rng.h"

#include <math.h>

void sb_rng_init(sb_rng *rng, uint64_t seed, uint64_t stream)
{
  rng->state = 0;
  rng->increment = (stream << 1) | 1u;
  sb_rng_u32(rng);
  rng->state += seed;
  sb_rng_u32(rng);
}

uint32_t sb_rng_u32(sb_rng *rng)
{
  uint64_t old = rng->state;
  rng->state = old * UINT64_C(6364136223846793005) + rng->increment;
  uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
  uint32_t rotation = (uint32_t)(old >> 59);
  return (shifted >> rotation) | (shifted << ((-rotation) & 31u));
}

uint64_t sb_rng_u64(sb_rng *rng)
{
  uint64_t high = sb_rng_u32(rng);
  return high << 32 | sb_rng_u32(rng);
}

uint64_t sb_rng_below(sb_rng *rng, uint64_t bound)
{
  /* draws under 2^64 mod bound would favour the small results: reject them */
  uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    uint64_t draw = sb_rng_u64(rng);
    if (draw >= threshold)
      return draw % bound;
  }
}

double sb_rng_uniform(sb_rng *rng)
{
  return (double)(sb_rng_u64(rng) >> 11) * 0x1p-53;
}

double sb_rng_exponential(sb_rng *rng)
{
  return -log(1.0 - sb_rng_uniform(rng));
}

double sb_rng_normal(sb_rng *rng)
{
  double radius = sqrt(2.0 * sb_rng_exponential(rng));
  return radius * cos(6.283185307179586 * sb_rng_uniform(rng));
}

double sb_rng_gamma(sb_rng *rng, double shape)
{
  if (shape < 1.0) {
    double u = 1.0 - sb_rng_uniform(rng);
    return sb_rng_gamma(rng, shape + 1.0) * pow(u, 1.0 / shape);
  }
  double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
  for (;;) {
    double x = sb_rng_normal(rng), v = 1.0 + c * x;
    if (v <= 0.0)
      continue;
    v = v * v * v;
    double u = 1.0 - sb_rng_uniform(rng);
    if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
      return d * v;
  }
}
