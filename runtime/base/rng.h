#ifndef SB_RNG_H
#define SB_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Seeded random numbers, the same on every machine: PCG32 (O'Neill 2014, "PCG: A Family of Simple Fast
 * Space-Efficient Statistically Good Algorithms for Random Number Generation", XSH-RR 64/32). Derived
 * distributions use libm (log, cos, pow), whose last bit may differ
 * between C libraries; integers and uniforms are the same everywhere. */

typedef struct sb_rng {
  uint64_t state, increment;
} sb_rng;

/* Streams with the same seed and different `stream` are independent sequences. */
void sb_rng_init(sb_rng *rng, uint64_t seed, uint64_t stream);

uint32_t sb_rng_u32(sb_rng *rng);
uint64_t sb_rng_u64(sb_rng *rng);

/* Uniform in [0, bound), without modulo bias. bound >= 1. */
uint64_t sb_rng_below(sb_rng *rng, uint64_t bound);

/* Uniform in [0, 1), 53 bits. */
double sb_rng_uniform(sb_rng *rng);

double sb_rng_normal(sb_rng *rng);              /* mean 0, sd 1; Box-Muller, one of the pair used */
double sb_rng_exponential(sb_rng *rng);         /* mean 1 */
double sb_rng_gamma(sb_rng *rng, double shape); /* scale 1; shape > 0, finite; Marsaglia & Tsang 2000 */

/* A 64-bit hash of bytes (FNV-1a with a finishing mix): for seeds derived from names and prompts. Of bytes that come in
 * pieces: end(add(add(begin(seed), ...), ...)). Inline for those of a few bytes: a simulator's answer takes one a token. */
static inline uint64_t sb_hash64_begin(uint64_t seed)
{
  return UINT64_C(14695981039346656037) ^ seed;
}

static inline uint64_t sb_hash64_add(uint64_t state, const void *data, size_t size)
{
  const unsigned char *p = data;
  for (size_t i = 0; i < size; i++)
    state = (state ^ p[i]) * UINT64_C(1099511628211);
  return state;
}

static inline uint64_t sb_hash64_end(uint64_t state)
{
  state ^= state >> 32;
  state *= UINT64_C(0xd6e8feb86659fd93);
  return state ^ state >> 32;
}

static inline uint64_t sb_hash64(const void *data, size_t size, uint64_t seed)
{
  return sb_hash64_end(sb_hash64_add(sb_hash64_begin(seed), data, size));
}

#endif
