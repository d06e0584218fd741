#ifndef SB_SIM_PROFILE_H
#define SB_SIM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What a simulated model costs and how often its drafts are accepted: data, read from a JSON file
 * (runtime/sim/profiles/README.md describes the fields). Times in milliseconds, context in 1000 tokens. */

enum { SB_SIM_MAX_K = 16, SB_SIM_MAX_TASKS = 64 };

typedef struct sb_sim_cost {
  double alpha, beta, gamma, delta, epsilon;           /* decode step; see engine.h */
  double bend, bend_at;                                /* more for each token of its batch beyond so many */
  double prefill_base, prefill_token, prefill_request; /* a prefill of r requests, t tokens */
  double request_overhead;                             /* once a request, before it reaches the scheduler */
} sb_sim_cost;

/* One task's acceptance: a step has a draft with probability draft_rate; position i (from 0) of a draft is
 * accepted, given that all before it were, with probability conditional[i]; and how long its answers are when
 * nothing forces their length (lengths.h). */
typedef struct sb_sim_task {
  char name[48];
  double conditional[SB_SIM_MAX_K];
  double draft_rate;                 /* 1, unless the method cannot always draft (n-gram) */
  double output_mean, output_spread; /* tokens; standard deviation / mean before any limit */
  bool assumed;                      /* no published figure stands behind its acceptance */
} sb_sim_task;

typedef struct sb_sim_profile {
  char name[64];
  char method[32];                /* whose cost and acceptance were read: "draft", "ngram", ... */
  char source[1024];              /* where the figures come from, or what they were scaled from */
  bool scaled;                    /* not fitted: scaled from another profile */
  sb_sim_cost plain, speculative; /* without and with a draft */
  double host_step;               /* of plain.alpha, the host's share: once a plan; 0: not said */
  bool host_assumed;              /* it was measured nowhere */
  int max_num_seqs, max_model_len;
  int max_num_batched_tokens; /* of a prefill step */
  int chunked_prefill_tokens; /* of a step under chunked prefill */
  long long kv_capacity_tokens;
  sb_sim_task tasks[SB_SIM_MAX_TASKS];
  int task_count; /* tasks[0] is "default" */
} sb_sim_profile;

/* Reads PATH with a method of the file by name; NULL: its default_method. 0, or a negative code and the reason
 * (file and field). */
int sb_sim_profile_load(sb_sim_profile *profile, const char *path, const char *method, sb_err *err);

/* Index of a task by name, upper and lower case alike; 0 ("default") where there is none of that name. */
int sb_sim_profile_task(const sb_sim_profile *profile, const char *name);

#endif
