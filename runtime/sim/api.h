#ifndef SB_SIM_API_H
#define SB_SIM_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* The OpenAI requests the simulator understands, read strictly: a field of the wrong type or out of range is
 * refused by name; fields that mean nothing here are ignored. */

typedef struct sb_sim_api_error {
  int status;     /* 400 or 404 */
  char param[48]; /* the field at fault; "" where it is none */
  char message[200];
} sb_sim_api_error;

typedef struct sb_sim_api_request {
  bool chat;
  uint64_t prompt_hash; /* of the roles and texts, or of the ids */
  int64_t prompt_tokens;
  int64_t max_tokens; /* -1: not given */
  int64_t min_tokens;
  int64_t seed;
  bool ignore_eos, stream, include_usage, continuous_usage, token_ids;
} sb_sim_api_request;

/* Reads the body of POST /v1/chat/completions (chat) or /v1/completions. served: the model's name; counts_text: a text's
 * tokens are not told beside the body, and so counted. 0, or -1 with *error filled. */
int sb_sim_api_parse(sb_sim_api_request *request, bool chat, const char *served, bool counts_text,
                     const char *body, size_t size, sb_sim_api_error *error);

/* Reads the body of POST /tokenize and appends the answer. 0 or -1. */
int sb_sim_api_tokenize(const char *served, int max_model_len, const char *body, size_t size, sb_strbuf *out,
                        sb_sim_api_error *error);

/* Appends an OpenAI error object; param may be "". */
void sb_sim_api_put_error(sb_strbuf *out, int status, const char *type, const char *param,
                          const char *message);

#endif
