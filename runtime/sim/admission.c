#include "sim/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "sim/lengths.h"

enum { COMPLETIONS_MAX_TOKENS = 16 }; /* the OpenAI API's default for /v1/completions */

static int refuse(sb_sim_api_error *error, const char *param)
{
  error->status = 400;
  snprintf(error->param, sizeof error->param, "%s", param);
  return -1;
}

const char sb_sim_prompt_tokens_header[] = "X-Prompt-Tokens", sb_sim_task_header[] = "X-Specbench-Task";

static int read_prompt_tokens(const char *text, int64_t *tokens, sb_sim_api_error *error)
{
  if (!text)
    return 0;
  char *rest;
  long long n = strtoll(text, &rest, 10);
  if (rest == text || *rest || n < 1 || n > INT32_MAX) {
    snprintf(error->message, sizeof error->message, "%s must be a whole number from 1",
             sb_sim_prompt_tokens_header);
    return refuse(error, sb_sim_prompt_tokens_header);
  }
  *tokens = n;
  return 0;
}

/* By the prompt's hash alone: neither speculation nor any other setting changes an answer's length. */
static void choose_length(sb_sim_admission *a, const sb_sim_task *task, int32_t max_tokens)
{
  int32_t tokens = sb_sim_length_draw(task, a->request.prompt_hash, INT32_MAX);
  if (tokens < a->request.min_tokens)
    tokens = (int32_t)a->request.min_tokens;
  bool stops = !a->request.ignore_eos && tokens <= max_tokens;
  a->output_tokens = stops ? tokens : max_tokens;
  a->finish_reason = stops ? "stop" : "length";
}

int sb_sim_admission_read(sb_sim_admission *a, const sb_sim_profile *profile, const char *model,
                          const char *task, uint64_t seed, const sb_sim_incoming *incoming,
                          sb_sim_api_error *error)
{
  sb_sim_api_request *request = &a->request;
  a->usage_excess = 0;
  if (sb_sim_api_parse(request, incoming->chat, model, !incoming->prompt_tokens, incoming->body,
                       incoming->size, error) ||
      read_prompt_tokens(incoming->prompt_tokens, &request->prompt_tokens, error))
    return -1;
  int64_t room = profile->max_model_len - request->prompt_tokens;
  int64_t max_tokens = request->max_tokens > 0 ? request->max_tokens
                       : incoming->chat        ? room
                                               : COMPLETIONS_MAX_TOKENS;
  if (room < 1 || max_tokens > room) {
    snprintf(error->message, sizeof error->message,
             "the context holds %d tokens; the prompt has %" PRId64 " and %" PRId64 " more were asked for",
             profile->max_model_len, request->prompt_tokens, max_tokens > 0 ? max_tokens : 1);
    return refuse(error, "max_tokens");
  }
  a->task = sb_sim_profile_task(profile, incoming->task ? incoming->task : task);
  choose_length(a, &profile->tasks[a->task], (int32_t)max_tokens);
  uint64_t seeds[2] = { seed, (uint64_t)request->seed };
  a->seed = sb_hash64(seeds, sizeof seeds, request->prompt_hash);
  return 0;
}

void sb_sim_admission_bend(sb_sim_admission *a, const sb_sim_fault *fault)
{
  if (!fault)
    return;
  if (fault->kind == SB_SIM_FAULT_SHORT) {
    int32_t tokens = fault->argument < 0 ? a->output_tokens / 2 : (int32_t)fault->argument;
    a->output_tokens = tokens < 1 ? 1 : tokens < a->output_tokens ? tokens : a->output_tokens;
    a->finish_reason = "stop";
  } else if (fault->kind == SB_SIM_FAULT_NO_USAGE) {
    a->request.include_usage = a->request.continuous_usage = false;
  } else if (fault->kind == SB_SIM_FAULT_WRONG_USAGE) {
    a->usage_excess = fault->argument < 0 ? a->output_tokens : (int32_t)fault->argument;
  }
}
