#include "sim/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/strbuf.h"

/* A step never takes less than this share of its expected time, however large the noise. */
#define NOISE_FLOOR 0.1

typedef struct sequence {
  sb_sim_request request;
  sb_rng draws;
  int64_t eligible_ns;      /* arrives at the scheduler: submission plus the request's overhead */
  int32_t prefill_left;     /* prompt tokens not computed yet; 0: decoding */
  int32_t chunk;            /* of them, computed by the step in progress */
  int32_t generated;
  int32_t brought;          /* by the step that just ended */
  bool speculated;          /* has a draft in the step in progress */
  bool gone;                /* finished or cancelled; dropped at the next boundary */
} sequence;

typedef struct sequence_list {
  sequence *items;
  size_t count, capacity;
} sequence_list;

struct sb_sim_engine {
  sb_sim_config config;
  const sb_sim_cost *prefill_cost;  /* a speculating engine prefills its draft too, in every step */
  sb_rng noise;
  sequence_list running;            /* in admission order */
  sequence_list waiting;            /* first come, first served, from waiting_head on */
  size_t waiting_head;
  int64_t reserved_tokens;          /* KV cache: prompt + output of every live running sequence */
  int64_t step_end_ns;              /* INT64_MAX: idle */
  int64_t last_eligible_ns;
  bool step_decodes, step_prefills;
  sb_sim_counters counters;
};

static sequence *list_push(sequence_list *list)
{
  if (list->count == list->capacity) {
    list->capacity = list->capacity ? list->capacity * 2 : 64;
    list->items = sb_realloc(list->items, list->capacity * sizeof *list->items);
  }
  return &list->items[list->count++];
}

sb_sim_engine *sb_sim_engine_new(const sb_sim_config *config)
{
  if (!config->profile || config->k < 0 || config->k > SB_SIM_MAX_K)
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
  free(engine->running.items);
  free(engine->waiting.items);
  free(engine);
}

static int64_t ms_to_ns(double ms)
{
  return (int64_t)llround(ms * (double)SB_NS_PER_MS);
}

static int64_t reservation(const sequence *s)
{
  return (int64_t)s->request.prompt_tokens + s->request.output_tokens;
}

static void skip_gone_waiting(sb_sim_engine *engine)
{
  sequence_list *waiting = &engine->waiting;
  while (engine->waiting_head < waiting->count && waiting->items[engine->waiting_head].gone)
    engine->waiting_head++;
  if (engine->waiting_head == waiting->count)
    waiting->count = engine->waiting_head = 0;
}

/* Moves the queue to the front of its array when at least half of it is used up: amortised O(1). */
static void compact_waiting(sb_sim_engine *engine)
{
  sequence_list *waiting = &engine->waiting;
  if (engine->waiting_head == 0 || waiting->count < waiting->capacity ||
      engine->waiting_head * 2 < waiting->count)
    return;
  waiting->count -= engine->waiting_head;
  memmove(waiting->items, waiting->items + engine->waiting_head, waiting->count * sizeof *waiting->items);
  engine->waiting_head = 0;
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

  compact_waiting(engine);
  sequence *s = list_push(&engine->waiting);
  *s = (sequence){ .request = *request, .eligible_ns = eligible, .prefill_left = request->prompt_tokens };
  /* hashed, because PCG sequences of neighbouring seeds start alike */
  sb_rng_init(&s->draws, sb_hash64(&request->seed, sizeof request->seed, 0), 1);
  engine->counters.waiting++;
  return SB_OK;
}

static void leave_running(sb_sim_engine *engine, sequence *s)
{
  s->gone = true;
  engine->reserved_tokens -= reservation(s);
  engine->counters.running--;
}

void sb_sim_engine_cancel(sb_sim_engine *engine, int64_t now, uint64_t id)
{
  (void)now;
  for (size_t i = 0; i < engine->running.count; i++) {
    sequence *s = &engine->running.items[i];
    if (s->request.id == id && !s->gone) {
      leave_running(engine, s);
      return;
    }
  }
  for (size_t i = engine->waiting_head; i < engine->waiting.count; i++) {
    sequence *s = &engine->waiting.items[i];
    if (s->request.id == id && !s->gone) {
      s->gone = true;
      engine->counters.waiting--;
      skip_gone_waiting(engine);
      return;
    }
  }
}

static void drop_gone_running(sb_sim_engine *engine)
{
  sequence_list *running = &engine->running;
  size_t kept = 0;
  for (size_t i = 0; i < running->count; i++) {
    if (running->items[i].gone)
      continue;
    if (kept != i)
      running->items[kept] = running->items[i];
    kept++;
  }
  running->count = kept;
}

/* Moves the first waiting request to the running ones if it has arrived and fits; its prefill of at most
 * `budget` tokens becomes part of the step being planned. NULL: nothing more to admit now. */
static sequence *admit(sb_sim_engine *engine, int64_t at, int64_t budget)
{
  const sb_sim_config *c = &engine->config;
  if (engine->waiting_head == engine->waiting.count)
    return NULL;
  const sequence *head = &engine->waiting.items[engine->waiting_head];
  if (head->eligible_ns > at || engine->counters.running >= c->max_num_seqs ||
      engine->reserved_tokens + reservation(head) > c->kv_capacity_tokens || budget < 1 ||
      (!c->chunked_prefill && head->prefill_left > budget))
    return NULL;
  sequence *s = list_push(&engine->running);
  *s = *head;
  engine->reserved_tokens += reservation(s);
  engine->counters.running++;
  engine->counters.waiting--;
  engine->waiting_head++;
  skip_gone_waiting(engine);
  return s;
}

static int32_t take_chunk(sequence *s, int64_t budget)
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
  if (c->chunked_prefill)
    budget -= (int64_t)decoding * (c->k + 1);
  for (size_t i = 0; i < engine->running.count; i++)
    if (engine->running.items[i].prefill_left > 0 && tokens < budget)
      tokens += take_chunk(&engine->running.items[i], budget - tokens);
  sequence *s;
  while ((s = admit(engine, at, budget - tokens)) != NULL) {
    tokens += take_chunk(s, budget - tokens);
    requests++;
  }
  engine->step_prefills = tokens > 0;
  engine->step_decodes = decoding > 0 && (c->chunked_prefill || tokens == 0);
  if (tokens == 0)
    return 0.0;
  return (engine->step_decodes ? 0.0 : cost->prefill_base) + cost->prefill_token * (double)tokens +
         cost->prefill_request * requests;
}

/* Chooses the sequences that get a draft in a decode step of n sequences, and returns the step's time in ms:
 * engine.h's formula, with delta counted for the sequences that have a draft, and the context summed. */
static double plan_decode(sb_sim_engine *engine, size_t n)
{
  const sb_sim_config *c = &engine->config;
  const sb_sim_profile *profile = c->profile;
  bool drafting = c->k > 0 && (c->disable_by_batch_size <= 0 || n < (size_t)c->disable_by_batch_size);
  size_t drafted = 0;
  double context = 0.0; /* in 1000 tokens, each sequence's as often as the step reads it */
  for (size_t i = 0; i < engine->running.count; i++) {
    sequence *s = &engine->running.items[i];
    s->speculated = false;
    if (s->prefill_left > 0)
      continue;
    int32_t length = s->request.prompt_tokens + s->generated;
    if (drafting && (c->spec_max_model_len <= 0 || length <= c->spec_max_model_len)) {
      double rate = profile->tasks[s->request.task].draft_rate;
      s->speculated = rate >= 1.0 || sb_rng_uniform(&s->draws) < rate;
    }
    drafted += s->speculated;
    context += (s->speculated ? c->k + 1 : 1) * (double)length / 1000.0;
  }
  const sb_sim_cost *cost = drafted > 0 ? &profile->speculative : &profile->plain;
  int k = drafted > 0 ? c->k : 0;
  return cost->alpha + cost->beta * k + cost->gamma * (double)n + cost->delta * k * (double)drafted +
         cost->epsilon * context;
}

/* Starts the step of the boundary `at`, or leaves the engine idle. */
static void start_step(sb_sim_engine *engine, int64_t at)
{
  size_t decoding = 0;
  for (size_t i = 0; i < engine->running.count; i++)
    decoding += engine->running.items[i].prefill_left == 0;
  double ms = plan_prefill(engine, at, decoding);
  if (engine->step_decodes)
    ms += plan_decode(engine, decoding);
  if (!engine->step_decodes && !engine->step_prefills) {
    engine->step_end_ns = INT64_MAX;
    return;
  }
  if (engine->config.step_noise_sd > 0.0)
    ms *= fmax(NOISE_FLOOR, 1.0 + engine->config.step_noise_sd * sb_rng_normal(&engine->noise));
  engine->step_end_ns = at + ms_to_ns(ms);
}

/* Draws how many tokens of a draft the target accepts: the first rejection ends it. */
static int accept_draft(sb_sim_engine *engine, sequence *s)
{
  const double *conditional = engine->config.profile->tasks[s->request.task].conditional;
  sb_sim_counters *counters = &engine->counters;
  int k = engine->config.k, accepted = 0;
  while (accepted < k && sb_rng_uniform(&s->draws) < conditional[accepted])
    counters->accepted_per_position[accepted++]++;
  counters->drafts++;
  counters->draft_tokens += k;
  counters->accepted_tokens += accepted;
  return accepted;
}

static void end_sequence_step(sb_sim_engine *engine, sequence *s)
{
  s->brought = 0;
  if (s->chunk > 0) {
    s->prefill_left -= s->chunk;
    engine->counters.prompt_tokens += s->chunk;
    s->chunk = 0;
    s->brought = s->prefill_left == 0;
  } else if (engine->step_decodes && s->prefill_left == 0) {
    int32_t left = s->request.output_tokens - s->generated;
    int32_t produced = 1 + (s->speculated ? accept_draft(engine, s) : 0);
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
  sequence_list *running = &engine->running;
  engine->counters.steps++;
  engine->counters.prefills += engine->step_prefills;
  for (size_t i = 0; i < running->count; i++)
    if (!running->items[i].gone)
      end_sequence_step(engine, &running->items[i]);
    else
      running->items[i].brought = 0;
  for (size_t i = 0; i < running->count; i++) {
    sequence *s = &running->items[i];
    if (s->gone || s->brought == 0)
      continue;
    sb_sim_event event = { .id = s->request.id, .due_ns = due, .tokens = s->brought,
                           .first = s->generated == s->brought,
                           .last = s->generated == s->request.output_tokens };
    if (event.last)
      leave_running(engine, s);
    on_event(context, &event);
  }
  drop_gone_running(engine);
}

int64_t sb_sim_engine_next(const sb_sim_engine *engine)
{
  if (engine->step_end_ns != INT64_MAX)
    return engine->step_end_ns;
  if (engine->waiting_head < engine->waiting.count)
    return engine->waiting.items[engine->waiting_head].eligible_ns;
  return INT64_MAX;
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
