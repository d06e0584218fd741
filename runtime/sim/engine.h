#ifndef SB_SIM_ENGINE_H
#define SB_SIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/k_table.h"
#include "sim/profile.h"

/* A speculative-decoding LLM engine as a pure state machine: (state, now) -> (events, next time). No sockets,
 * no threads, no clock: the HTTP server drives it in real or scaled time, tests drive it in virtual time.
 *
 * Continuous batching, first come, first served. A request reaches the scheduler request_overhead after its
 * submission and is admitted at a step's boundary while max_num_seqs and the KV cache allow; the KV cache is
 * reserved for prompt + output at once, so nothing is ever preempted and the counter stays 0.
 * - A prefill step of r requests and t tokens (max_num_batched_tokens at most) goes before decoding, stalls
 *   it for prefill_base + prefill_token t + prefill_request r, and brings each of the r its first token.
 * - A decode step of n running sequences takes
 *     S = alpha + beta k + (gamma + delta k) n + epsilon (k + 1) c n      (c: mean context in 1000 tokens)
 *         + bend max(0, n (k + 1) - bend_at)
 *   and brings every sequence 1 + (accepted draft tokens) tokens, cut at its output length. Where only some
 *   have a draft, delta counts those, and k is 0 in the others' share of epsilon; a step without any draft
 *   costs the plain profile with k = 0.
 * - Under chunked prefill a step decodes and prefills at once: decoding sequences take k + 1 tokens each of
 *   max_num_batched_tokens, prompts the rest, oldest first; the step takes S + prefill_token t +
 *   prefill_request r (r: prompts begun in it), or the prefill step's time when nothing decodes.
 * - Under multi-step scheduling n decode steps run on one plan: their time is the sum less n - 1 times the
 *   host's share of a step, their tokens come together at the end, and only there do requests enter and leave.
 *   What a sequence decodes beyond its end is lost time. */

typedef struct sb_sim_engine sb_sim_engine;

typedef struct sb_sim_config {
  const sb_sim_profile *profile; /* borrowed, must outlive the engine */
  int k;                         /* draft tokens a step; 0: no speculation */
  int max_num_seqs;              /* running sequences at most; 0: the profile's */
  int64_t kv_capacity_tokens;    /* 0: the profile's */
  bool chunked_prefill;
  int max_num_batched_tokens;     /* budget of a prefill or a chunked-prefill step; 0: the profile's */
  int disable_by_batch_size;      /* from so many running sequences on, those of the step lose speculation for
                                      good (vLLM V0); 0: never so */
  sb_sim_k_table k_by_batch_size; /* chooses k step by step (vLLM V1); no k above the one above */
  int spec_max_model_len;         /* no draft that would bring a sequence to this length; 0: no bound */
  double scheduler_delay_factor;  /* while anything runs, the next request is admitted only once it has waited
                                      this often the last prefill's time (vLLM V0); 0: at once */
  int multi_step;                 /* decode steps on one plan (vLLM V0); 0 and 1: one. With k = 0 and without
                                      chunked prefill only */
  double step_noise_sd;           /* relative, of every step's time (a tenth of it at least); 0: none */
  uint64_t seed;
} sb_sim_config;

typedef struct sb_sim_request {
  uint64_t id; /* the caller's, unique among the live ones */
  int32_t prompt_tokens;
  int32_t output_tokens; /* >= 1: where the answer ends */
  int32_t task;          /* index into the profile's tasks */
  uint64_t seed;         /* of this request's acceptance draws: same seed, same draws */
} sb_sim_request;

typedef struct sb_sim_event {
  uint64_t id;
  int64_t due_ns;                        /* when the step ended that produced it */
  int32_t tokens;                        /* brought by this step, >= 1 */
  int32_t draft_tokens, accepted_tokens; /* of the step's draft, if it had one */
  bool first, last;                      /* the prefill's token; the answer is complete */
} sb_sim_event;

/* Drafts as vLLM V1 counts them: one a sequence and step that had a draft; accepted_tokens are those the
 * target accepted, the few beyond the output's end included. Totals since sb_sim_engine_new, except the last
 * two lines. */
typedef struct sb_sim_counters {
  int64_t drafts, draft_tokens, accepted_tokens;
  int64_t accepted_per_position[SB_SIM_MAX_K];
  int64_t steps, prefills; /* all steps; of them, those with any prefill */
  int64_t prompt_tokens, generation_tokens, preemptions;
  int32_t running, waiting;
  double kv_usage; /* share of the KV cache that is reserved, 0..1 */
} sb_sim_counters;

/* `now` is any monotonic nanosecond clock, the same in every call. NULL: no profile, k outside 0..SB_SIM_MAX_K,
 * or settings that exclude each other as said above. */
sb_sim_engine *sb_sim_engine_new(const sb_sim_config *config);
void sb_sim_engine_free(sb_sim_engine *engine);

/* Queues a request; it is considered at the first step boundary after its overhead. 0, or SB_EINVAL where it
 * can never fit (empty, beyond max_model_len or the KV cache; a prompt beyond max_num_batched_tokens, unless
 * chunked) or its task is not the profile's. */
int sb_sim_engine_submit(sb_sim_engine *engine, int64_t now, const sb_sim_request *request);

/* Forgets a request (its client went away); its sequence leaves at once and produces no further event. */
void sb_sim_engine_cancel(sb_sim_engine *engine, int64_t now, uint64_t id);

/* When the step in progress ends or, between steps, the next request arrives; INT64_MAX while idle. */
int64_t sb_sim_engine_next(const sb_sim_engine *engine);

/* Ends every step that is due at `now`, starts the next ones (a step starts when the one before it ended, not
 * when this is called), and calls on_event for each sequence of each ended step, in admission order. on_event
 * may submit and cancel. */
typedef void (*sb_sim_event_fn)(void *context, const sb_sim_event *event);
void sb_sim_engine_advance(sb_sim_engine *engine, int64_t now, sb_sim_event_fn on_event, void *context);

void sb_sim_engine_counters(const sb_sim_engine *engine, sb_sim_counters *counters);

#endif
