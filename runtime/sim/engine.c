#include "sim/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "sim/sequences.h"

/* A step never takes less than this share of its expected time, however large the noise. */
#define NOISE_FLOOR 0.1

/* Nor longer than a day, whatever its profile says: its end stays within 64 bits. */
#define LONGEST_MS 86400e3

struct sb_sim_engine {
  sb_sim_config config;
  const sb_sim_cost *prefill_cost; /* a speculating engine prefills its draft too, in every step */
  sb_rng noise;
  sb_sim_sequences running, waiting;
  int64_t reserved_tokens; /* KV cache: prompt + output of every live running sequence */
  int64_t step_start_ns;
  int64_t step_end_ns; /* INT64_MAX: idle */
  int64_t last_eligible_ns;
  int64_t last_prefill_ns; /* how long the last step with any prefill took */
  int step_k;              /* of the step in progress */
  int decode_steps;        /* decode steps that the step in progress stands for; 0: it only prefills */
  bool step_prefills;
  sb_sim_counters counters;
};

sb_sim_engine *sb_sim_engine_new(const sb_sim_config *config)
{
  if (!config->profile || config->k < 0 || config->k > SB_SIM_MAX_K ||
      sb_sim_k_table_largest(&config->k_by_batch_size) > config->k ||
      (config->multi_step > 1 && (config->k > 0 || config->chunked_prefill)))
    return NULL;
  const sb_sim_profile *profile = config->profile;
  sb_sim_engine *engine = sb_calloc(1, sizeof *engine);
  engine->config = *config;
  sb_sim_config *c = &engine->config;
  if (c->max_num_seqs <= 0)
    c->max_num_seqs = profile->max_num_seqs;
  if (c->kv_capacity_tokens <= 0)
    c->kv_capacity_tokens = profile->kv_capacity_tokens;
  if (c->max_num_batched_tokens <= 0)
    c->max_num_batched_tokens =
        c->chunked_prefill ? profile->chunked_prefill_tokens : profile->max_num_batched_tokens;
  if (c->multi_step <= 0)
    c->multi_step = 1;
  engine->prefill_cost = c->k > 0 ? &profile->speculative : &profile->plain;
  engine->step_end_ns = INT64_MAX;
  engine->last_eligible_ns = INT64_MIN;
  sb_rng_init(&engine->noise, config->seed, 0);
  return engine;
}

void sb_sim_engine_free(sb_sim_engine *engine)
{
  if (!engine)
    return;
  sb_sim_sequences_free(&engine->running);
  sb_sim_sequences_free(&engine->waiting);
  free(engine);
}

static int64_t ms_to_ns(double ms)
{
  return (int64_t)llround(fmin(ms, LONGEST_MS) * (double)SB_NS_PER_MS);
}

static int64_t reservation(const sb_sim_sequence *s)
{
  return (int64_t)s->request.prompt_tokens + s->request.output_tokens;
}

int sb_sim_engine_submit(sb_sim_engine *engine, int64_t now, const sb_sim_request *request)
{
  const sb_sim_config *c = &engine->config;
  const sb_sim_profile *profile = c->profile;
  int64_t tokens = (int64_t)request->prompt_tokens + request->output_tokens;
  if (request->prompt_tokens < 1 || request->output_tokens < 1 || request->task < 0 ||
      request->task >= profile->task_count || tokens > profile->max_model_len ||
      tokens > c->kv_capacity_tokens)
    return SB_EINVAL;
  if (!c->chunked_prefill && request->prompt_tokens > c->max_num_batched_tokens)
    return SB_EINVAL;

  int64_t eligible = now + ms_to_ns(engine->prefill_cost->request_overhead);
  if (eligible < engine->last_eligible_ns)
    eligible = engine->last_eligible_ns;
  engine->last_eligible_ns = eligible;

  sb_sim_sequence *s = sb_sim_sequences_enqueue(&engine->waiting);
  *s = (sb_sim_sequence){ .request = *request,
                          .eligible_ns = eligible,
                          .prefill_left = request->prompt_tokens };
  /* hashed, because PCG sequences of neighbouring seeds start alike */
  sb_rng_init(&s->draws, sb_hash64(&request->seed, sizeof request->seed, 0), 1);
  engine->counters.waiting++;
  return SB_OK;
}

static void leave_running(sb_sim_engine *engine, sb_sim_sequence *s)
{
  s->gone = true;
  engine->reserved_tokens -= reservation(s);
  engine->counters.running--;
}

void sb_sim_engine_cancel(sb_sim_engine *engine, int64_t now, uint64_t id)
{
  (void)now;
  sb_sim_sequence *s = sb_sim_sequences_find(&engine->running, id);
  if (s) {
    leave_running(engine, s);
  } else if ((s = sb_sim_sequences_find(&engine->waiting, id)) != NULL) {
    sb_sim_sequences_leave(&engine->waiting, s);
    engine->counters.waiting--;
  }
}

/* vLLM V0's scheduler delay: the request that has waited longest is passed over until it has waited for
 * delay_factor times the last prefill's latency, unless `idle`: nothing else runs. */
static bool passed_delay(const sb_sim_engine *engine, const sb_sim_sequence *head, int64_t at, bool idle)
{
  double factor = engine->config.scheduler_delay_factor;
  return factor <= 0.0 || idle || (double)(at - head->eligible_ns) > factor * (double)engine->last_prefill_ns;
}

/* Moves the first waiting request to the running ones if it has arrived and fits; its prefill of at most
 * `budget` tokens becomes part of the step being planned. NULL: nothing more to admit now. */
static sb_sim_sequence *admit(sb_sim_engine *engine, int64_t at, bool idle, int64_t budget)
{
  const sb_sim_config *c = &engine->config;
  sb_sim_sequence *head = sb_sim_sequences_head(&engine->waiting);
  if (!head || head->eligible_ns > at || engine->counters.running >= c->max_num_seqs ||
      engine->reserved_tokens + reservation(head) > c->kv_capacity_tokens || budget < 1 ||
      (!c->chunked_prefill && head->prefill_left > budget) || !passed_delay(engine, head, at, idle))
    return NULL;
  sb_sim_sequence *s = sb_sim_sequences_push(&engine->running);
  *s = *head;
  sb_sim_sequences_leave(&engine->waiting, head);
  engine->reserved_tokens += reservation(s);
  engine->counters.running++;
  engine->counters.waiting--;
  return s;
}

static int32_t take_chunk(sb_sim_sequence *s, int64_t budget)
{
  s->chunk = s->prefill_left < budget ? s->prefill_left : (int32_t)budget;
  return s->chunk;
}

/* Plans the prefill part of a step that starts `at`; returns its time in ms, 0 where there is none. Without
 * chunked prefill all the requests that fit are prefilled whole, and nothing is decoded meanwhile; with it,
 * the prompts get what `decoding` sequences leave of the token budget, oldest first. */
static double plan_prefill(sb_sim_engine *engine, int64_t at, size_t decoding)
{
  const sb_sim_config *c = &engine->config;
  const sb_sim_cost *cost = engine->prefill_cost;
  int64_t budget = c->max_num_batched_tokens, tokens = 0;
  int requests = 0;
  bool idle = engine->counters.running == 0;
  if (c->chunked_prefill)
    budget -= (int64_t)decoding * (c->k + 1);
  for (size_t i = 0; i < engine->running.count; i++)
    if (engine->running.items[i].prefill_left > 0 && tokens < budget)
      tokens += take_chunk(&engine->running.items[i], budget - tokens);
  sb_sim_sequence *s;
  while ((s = admit(engine, at, idle, budget - tokens)) != NULL) {
    tokens += take_chunk(s, budget - tokens);
    requests++;
  }
  engine->step_prefills = tokens > 0;
  engine->decode_steps = decoding > 0 && (c->chunked_prefill || tokens == 0) ? c->multi_step : 0;
  if (tokens == 0)
    return 0.0;
  return (engine->decode_steps > 0 ? 0.0 : cost->prefill_base) + cost->prefill_token * (double)tokens +
         cost->prefill_request * requests;
}

/* Chooses k, and takes speculation from every sequence of the step where the batch is too large for it. */
static void plan_speculation(sb_sim_engine *engine)
{
  const sb_sim_config *c = &engine->config;
  engine->step_k = sb_sim_k_table_at(&c->k_by_batch_size, engine->counters.running, c->k);
  if (c->disable_by_batch_size <= 0 || engine->counters.running < c->disable_by_batch_size)
    return;
  for (size_t i = 0; i < engine->running.count; i++) {
    sb_sim_sequence *s = &engine->running.items[i];
    s->barred |= s->chunk > 0 || (engine->decode_steps > 0 && s->prefill_left == 0);
  }
}

/* Whether a decoding sequence gets a draft in the step being planned. */
static bool has_draft(sb_sim_engine *engine, sb_sim_sequence *s, int32_t length)
{
  const sb_sim_config *c = &engine->config;
  if (engine->step_k == 0 || s->barred ||
      (c->spec_max_model_len > 0 && length + engine->step_k >= c->spec_max_model_len))
    return false;
  double rate = c->profile->tasks[s->request.task].draft_rate;
  return rate >= 1.0 || sb_rng_uniform(&s->draws) < rate;
}

/* Chooses the sequences that get a draft in a decode step of n sequences, and returns its time in ms:
 * engine.h's formula, with delta counted for the sequences that have a draft, and the context summed; for
 * several decode steps at once, their sum, over which every context grows, with one share of the host's. */
static double plan_decode(sb_sim_engine *engine, double n)
{
  const sb_sim_config *c = &engine->config;
  const sb_sim_profile *profile = c->profile;
  double drafted = 0.0, steps = engine->decode_steps;
  double context = 0.0; /* in 1000 tokens, each sequence's as often as the step reads it */
  for (size_t i = 0; i < engine->running.count; i++) {
    sb_sim_sequence *s = &engine->running.items[i];
    if (s->prefill_left > 0)
      continue;
    int32_t length = s->request.prompt_tokens + s->generated;
    s->speculated = has_draft(engine, s, length);
    drafted += s->speculated;
    context += (s->speculated ? engine->step_k + 1 : 1) * (double)length / 1000.0;
  }
  const sb_sim_cost *cost = drafted > 0.0 ? &profile->speculative : &profile->plain;
  int k = drafted > 0.0 ? engine->step_k : 0;
  double ms = cost->alpha + cost->beta * k + cost->gamma * n + cost->delta * k * drafted +
              cost->epsilon * context + cost->bend * fmax(0.0, n + k * drafted - cost->bend_at);
  if (c->k > 0 && engine->step_k == 0)
    ms += profile->speculative.beta; /* a table's k of 0: one pass keeps the draft model's cache complete */
  return ms * steps - profile->host_step * (steps - 1.0) +
         cost->epsilon * n * steps * (steps - 1.0) / 2.0 / 1000.0;
}

/* Starts the step of the boundary `at`, or leaves the engine idle. */
static void start_step(sb_sim_engine *engine, int64_t at)
{
  size_t decoding = 0;
  for (size_t i = 0; i < engine->running.count; i++)
    decoding += engine->running.items[i].prefill_left == 0;
  double ms = plan_prefill(engine, at, decoding);
  plan_speculation(engine);
  if (engine->decode_steps > 0)
    ms += plan_decode(engine, (double)decoding);
  if (engine->decode_steps == 0 && !engine->step_prefills) {
    engine->step_end_ns = INT64_MAX;
    return;
  }
  if (engine->config.step_noise_sd > 0.0)
    ms *= fmax(NOISE_FLOOR, 1.0 + engine->config.step_noise_sd * sb_rng_normal(&engine->noise));
  engine->step_start_ns = at;
  engine->step_end_ns = at + ms_to_ns(ms);
}

/* Draws how many tokens of a draft the target accepts: the first rejection ends it. */
static void accept_draft(sb_sim_engine *engine, sb_sim_sequence *s)
{
  const double *conditional = engine->config.profile->tasks[s->request.task].conditional;
  sb_sim_counters *counters = &engine->counters;
  s->drafted = engine->step_k;
  while (s->accepted < s->drafted && sb_rng_uniform(&s->draws) < conditional[s->accepted])
    counters->accepted_per_position[s->accepted++]++;
  counters->drafts++;
  counters->draft_tokens += s->drafted;
  counters->accepted_tokens += s->accepted;
}

static void end_sequence_step(sb_sim_engine *engine, sb_sim_sequence *s)
{
  s->brought = s->drafted = s->accepted = 0;
  if (s->chunk > 0) {
    s->prefill_left -= s->chunk;
    engine->counters.prompt_tokens += s->chunk;
    s->chunk = 0;
    s->brought = s->prefill_left == 0;
  } else if (engine->decode_steps > 0 && s->prefill_left == 0) {
    if (s->speculated)
      accept_draft(engine, s);
    int32_t left = s->request.output_tokens - s->generated, produced = engine->decode_steps + s->accepted;
    s->brought = produced < left ? produced : left;
  }
  s->generated += s->brought;
  engine->counters.generation_tokens += s->brought;
}

/* Accounts for the whole step before the first event goes out, so that on_event sees the counters of a step
 * boundary and may cancel any sequence of the same step. */
static void end_step(sb_sim_engine *engine, sb_sim_event_fn on_event, void *context)
{
  int64_t due = engine->step_end_ns;
  sb_sim_sequences *running = &engine->running;
  engine->counters.steps += engine->decode_steps > 0 ? engine->decode_steps : 1;
  engine->counters.prefills += engine->step_prefills;
  if (engine->step_prefills)
    engine->last_prefill_ns = due - engine->step_start_ns;
  for (size_t i = 0; i < running->count; i++)
    if (!running->items[i].gone)
      end_sequence_step(engine, &running->items[i]);
    else
      running->items[i].brought = 0;
  for (size_t i = 0; i < running->count; i++) {
    sb_sim_sequence *s = &running->items[i];
    if (s->gone || s->brought == 0)
      continue;
    sb_sim_event event = { .id = s->request.id,
                           .due_ns = due,
                           .tokens = s->brought,
                           .draft_tokens = s->drafted,
                           .accepted_tokens = s->accepted,
                           .first = s->generated == s->brought,
                           .last = s->generated == s->request.output_tokens };
    if (event.last)
      leave_running(engine, s);
    on_event(context, &event);
  }
  sb_sim_sequences_drop_gone(running);
}

int64_t sb_sim_engine_next(const sb_sim_engine *engine)
{
  if (engine->step_end_ns != INT64_MAX)
    return engine->step_end_ns;
  const sb_sim_sequence *head = sb_sim_sequences_head(&engine->waiting);
  return head ? head->eligible_ns : INT64_MAX;
}

void sb_sim_engine_advance(sb_sim_engine *engine, int64_t now, sb_sim_event_fn on_event, void *context)
{
  for (;;) {
    int64_t boundary = sb_sim_engine_next(engine);
    if (boundary == INT64_MAX || boundary > now)
      return;
    if (engine->step_end_ns != INT64_MAX)
      end_step(engine, on_event, context);
    start_step(engine, boundary);
  }
}

void sb_sim_engine_counters(const sb_sim_engine *engine, sb_sim_counters *counters)
{
  *counters = engine->counters;
  counters->kv_usage = (double)engine->reserved_tokens / (double)engine->config.kv_capacity_tokens;
}
