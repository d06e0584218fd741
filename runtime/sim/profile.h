#ifndef SB_SIM_PROFILE_H
#define SB_SIM_PROFILE_H

#include <stddef.h>

#include "base/err.h"

/* What a simulated model costs and how often its drafts are accepted: data, read from a JSON file
 * (runtime/sim/profiles/README.md describes the fields). Times in milliseconds, context in 1000 tokens. */

enum { SB_SIM_MAX_K = 16, SB_SIM_MAX_TASKS = 64 };

typedef struct sb_sim_cost {
  double alpha, beta, gamma, delta, epsilon;          /* decode step; see engine.h */
  double prefill_base, prefill_token, prefill_request; /* a prefill of r requests, t tokens */
  double request_overhead;                            /* added once to a request's first token */
} sb_sim_cost;

/* One task's acceptance: position i (from 0) of a draft is accepted, given that all before it were, with
 * probability conditional[i]; and how long its answers are when nothing forces their length. */
typedef struct sb_sim_task {
  char name[48];
  double conditional[SB_SIM_MAX_K];
  double output_mean, output_spread;  /* tokens; shape of the sampled length, see the profiles' README */
  int assumed;                        /* no published figure stands behind it */
} sb_sim_task;

typedef struct sb_sim_profile {
  char name[64];
  char source[256];                   /* where the figures come from, or what they were scaled from */
  int scaled;                         /* not fitted: scaled from another profile */
  sb_sim_cost plain, speculative;     /* without and with a draft */
  int max_num_seqs, max_model_len, max_num_batched_tokens;
  long long kv_capacity_tokens;
  sb_sim_task tasks[SB_SIM_MAX_TASKS];
  int task_count;                     /* tasks[0] is "default" */
} sb_sim_profile;

/* Reads PATH, or PATH/NAME.json. 0, or a negative code and the reason. */
int sb_sim_profile_load(sb_sim_profile *profile, const char *path, sb_err *err);

/* Index of a task by name; 0 ("default") where there is none of that name. */
int sb_sim_profile_task(const sb_sim_profile *profile, const char *name);

#endif
