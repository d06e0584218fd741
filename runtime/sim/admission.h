#ifndef SB_SIM_ADMISSION_H
#define SB_SIM_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/api.h"
#include "sim/faults.h"
#include "sim/profile.h"

/* From a request to what the engine is asked for: the body, our own headers (X-Prompt-Tokens: N
 * overrides the count of the prompt's tokens; X-Specbench-Task: NAME chooses the acceptance and the length of
 * the answer), the context's limit, the answer's length. */

typedef struct sb_sim_admission {
  sb_sim_api_request request;
  int32_t output_tokens;
  int32_t task;              /* index into the profile */
  uint64_t seed;             /* of the acceptance draws: same prompt, same `seed` fields, same draws */
  const char *finish_reason; /* "stop" or "length" */
  int32_t usage_excess;      /* tokens that the last usage counts too many: a fault */
} sb_sim_admission;

/* What came of it that matters here: the body, and the values of our own headers (NULL: not there). */
typedef struct sb_sim_incoming {
  bool chat; /* /v1/chat/completions, else /v1/completions */
  const char *body;
  size_t size;
  const char *prompt_tokens, *task;
} sb_sim_incoming;

extern const char sb_sim_prompt_tokens_header[], sb_sim_task_header[]; /* their names */

/* task: of requests that name none; seed: the server's. 0, or -1 with *error filled. */
int sb_sim_admission_read(sb_sim_admission *admission, const sb_sim_profile *profile, const char *model,
                          const char *task, uint64_t seed, const sb_sim_incoming *incoming,
                          sb_sim_api_error *error);

/* What a fault makes of what was read: a shorter answer, a usage that is wrong or not told. NULL: nothing. */
void sb_sim_admission_bend(sb_sim_admission *admission, const sb_sim_fault *fault);

#endif
