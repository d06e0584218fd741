#ifndef SB_SIM_ADMISSION_H
#define SB_SIM_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/api.h"
#include "net/httpd_parser.h"
#include "sim/profile.h"

/* From an HTTP request to what the engine is asked for: the body, our own headers (X-Prompt-Tokens: N
 * overrides the count of the prompt's tokens; X-Specbench-Task: NAME chooses the acceptance and the length of
 * the answer), the context's limit, the answer's length. */

typedef struct sb_sim_admission {
  sb_sim_api_request request;
  int32_t output_tokens;
  int32_t task;              /* index into the profile */
  uint64_t seed;             /* of the acceptance draws: same prompt, same `seed` fields, same draws */
  const char *finish_reason; /* "stop" or "length" */
} sb_sim_admission;

/* task: of requests that name none; seed: the server's. 0, or -1 with *error filled. */
int sb_sim_admission_read(sb_sim_admission *admission, const sb_sim_profile *profile, const char *model,
                          const char *task, uint64_t seed, const sb_httpd_parser *http, bool chat,
                          sb_sim_api_error *error);

#endif
