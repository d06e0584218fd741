/* The stopping rules on normal draws, over all that they must not depend on: the effect, the noise, the width
 * asked for, the tie band, the cap. Prints the least and the largest coverage, and where. */
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "measure/stopping.h"
#include "world.h"

enum { EXPERIMENTS = 10000 };

static const double effects[] = { 0.0, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0 }; /* in standard deviations */
static const double bands[] = { 0.0, 0.5, 1.0, 1.5, 2.0, 4.0 };                   /* likewise */
#define SD 0.01 /* small, so that a tie band in logarithms is the ratio's */

/* claims: how often what was found is no chance by the procedure's own p, at 5 %. */
static double coverage(const sb_stopping *rule, double effect, uint64_t seed, double *repeats, double *claims)
{
  double covered = 0.0;
  sb_rng rng;
  sb_rng_init(&rng, seed, 4);
  *repeats = *claims = 0.0;
  for (int e = 0; e < EXPERIMENTS; e++) {
    sb_stopping_state state = { .more = true };
    double values[SB_STOPPING_MAX_CAP];
    size_t count = 0;
    while (state.more) {
      values[count++] = effect + SD * sb_rng_normal(&rng);
      sb_stopping_judge(rule, values, count, &state);
    }
    covered += state.interval.low <= effect && effect <= state.interval.high;
    *repeats += (double)count / EXPERIMENTS;
    *claims += (state.interval.p <= 0.05) / (double)EXPERIMENTS;
  }
  return covered / EXPERIMENTS;
}

static void prove_decided(size_t cap)
{
  double least = 1.0, most = 0.0, at_least[3] = { 0 }, false_claims = 0.0;
  for (size_t b = 0; b < sizeof bands / sizeof *bands; b++)
    for (size_t e = 0; e < sizeof effects / sizeof *effects; e++) {
      sb_stopping rule = { .until = SB_UNTIL_DECIDED, .tie = expm1(bands[b] * SD), .cap = cap };
      double repeats, claims,
          found = coverage(&rule, effects[e] * SD, proof_seed(cap, b, e), &repeats, &claims);
      if (effects[e] == 0.0)
        false_claims = fmax(false_claims, claims);
      if (bands[b] == 0.5 && (effects[e] == 1.5 || effects[e] == 3.0))
        printf("       decided, cap %2zu: an effect of %.1f sd takes %.1f repeats and is found in %.1f %%\n",
               cap, effects[e], repeats, 100.0 * claims);
      if (found < least) {
        least = found;
        at_least[0] = effects[e];
        at_least[1] = bands[b];
        at_least[2] = repeats;
      }
      most = fmax(most, found);
    }
  char name[100];
  snprintf(name, sizeof name, "decided, cap %2zu: least, effect %.1f sd, band %.1f sd (%.1f repeats)", cap,
           at_least[0], at_least[1], at_least[2]);
  proof_check(name, least, 0.935, 0.97);
  snprintf(name, sizeof name, "decided, cap %2zu: largest", cap);
  proof_check(name, most, 0.935, 0.97);
  snprintf(name, sizeof name, "decided, cap %2zu: without an effect, called one (the band where it is most)",
           cap);
  proof_check(name, false_claims, 0.04, 0.0525);
}

static void prove_width(size_t cap, double width)
{
  sb_stopping rule = { .until = SB_UNTIL_WIDTH, .width = width * SD, .cap = cap };
  double repeats, claims;
  double found = coverage(&rule, 0.0, proof_seed(99, cap, (uint64_t)(100.0 * width)), &repeats, &claims);
  char name[100];
  snprintf(name, sizeof name, "ci = %.1f sd, cap %2zu (%.1f repeats)", width, cap, repeats);
  proof_check(name, found, 0.935, 0.965);
}

int main(void)
{
  const size_t caps[] = { 3, 4, 5, 8, 10, 12, 20 };
  for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
    prove_decided(caps[i]);
  const double widths[] = { 0.5, 1.0, 1.5, 3.0 };
  for (int i = 0; i < 4; i++) {
    prove_width(10, widths[i]);
    prove_width(20, widths[i]);
  }
  return proof_status();
}
