#ifndef SB_SIM_ANSWER_H
#define SB_SIM_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "sim/api.h"

/* One request's answer as bytes, in the shape vLLM's V1 server gives it: one SSE event an engine step, the
 * role in an event of its own when the first token is ready, finish_reason on the last token's event, a usage
 * event without choices, [DONE]; or one JSON object. What stays the same over a stream is formatted once. */

typedef struct sb_sim_answer {
  sb_sim_api_request request;
  int32_t sent;          /* tokens so far */
  int32_t usage_excess;  /* tokens that the last usage counts too many: a fault */
  bool tells_acceptance; /* beside the usage */
  int64_t draft_tokens, accepted_tokens;
  sb_strbuf head; /* of every event: from "data: " to the end of the model's name */
} sb_sim_answer;

/* id: the completion's, without its prefix; created_s: seconds since 1970; model: quoted JSON. */
void sb_sim_answer_init(sb_sim_answer *answer, const sb_sim_api_request *request, const char *id,
                        int64_t created_s, const char *model);
void sb_sim_answer_deinit(sb_sim_answer *answer);

/* Appends the event of a step; finish_reason is NULL before the last. The first brings the role before it. */
void sb_sim_answer_step(sb_sim_answer *answer, int32_t tokens, const char *finish_reason, sb_strbuf *out);

/* Appends what follows the last step: usage where it was asked for, [DONE]. */
void sb_sim_answer_end(const sb_sim_answer *answer, sb_strbuf *out);

/* Appends an error in the middle of a stream, and [DONE]. */
void sb_sim_answer_break(const sb_sim_answer *answer, const char *message, sb_strbuf *out);

/* Appends the whole answer as one JSON object. */
void sb_sim_answer_whole(sb_sim_answer *answer, int32_t tokens, const char *finish_reason, sb_strbuf *out);

#endif
