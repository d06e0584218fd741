#ifndef PROOF_WORLD_H
#define PROOF_WORLD_H

#include <stdint.h>

#include "measure/record.h"
#include "sim/engine.h"

/* The simulator's engine under a closed loop in virtual time, and the run that a perfect client would have
 * recorded of it: what the proofs judge our figures against, because the engine's truth is known. */

enum { PROOF_MAX_PROMPTS = 4096 };

typedef struct proof_prompts {
  int count;
  int32_t prompt_tokens[PROOF_MAX_PROMPTS], output_tokens[PROOF_MAX_PROMPTS];
} proof_prompts;

typedef struct proof_cell {
  const sb_sim_profile *profile;
  int k, concurrency;
  int32_t task;
  const proof_prompts *prompts;
  uint64_t seed;     /* of the acceptance draws: prompt i draws with seed + i */
  double time_scale; /* every duration of the run is multiplied by it: a slower machine, a run's noise */
} proof_cell;

/* What only the engine knows. */
typedef struct proof_truth {
  double step_ms;        /* of decode steps, the mean over sequences and steps */
  double decoding_share; /* of the streams' time (streams x first send to last token) */
  sb_sim_counters counters;
} proof_truth;

/* truth may be NULL. The caller frees the run. */
sb_run *proof_run(const proof_cell *cell, proof_truth *truth);

void proof_load_profile(sb_sim_profile *profile, const char *name);

/* Gamma-distributed lengths, as the simulator's answers have; limits keep them from 4 tokens to 4 means. */
void proof_draw_prompts(proof_prompts *prompts, int count, double prompt_mean, double output_mean,
                        double spread, uint64_t seed);

/* The factor of one run's times where runs differ by a relative standard deviation. */
double proof_run_noise(double sd, uint64_t seed);

/* A seed for (experiment, repeat, side) and the like. */
uint64_t proof_seed(uint64_t a, uint64_t b, uint64_t c);

/* Prints "ok" or "SHORT", the name, the value and its bounds, and remembers a failure. */
void proof_check(const char *name, double value, double low, double high);
int proof_status(void); /* 0 where every check held */

#endif
