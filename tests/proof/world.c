#include "world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sim/lengths.h"

/* A time of 0 means "did not happen" in a record, so the world does not begin there. */
#define BEGIN_NS SB_NS_PER_S

typedef struct loop {
  const proof_cell *cell;
  sb_sim_engine *engine;
  sb_run *run;
  int sent;
  int step_sequences; /* that decoded in the step that just ended */
  int64_t last_ns;
} loop;

static void send_next(loop *l, int64_t now)
{
  const proof_prompts *prompts = l->cell->prompts;
  int i = l->sent++;
  sb_sim_request request = { .id = (uint64_t)i,
                             .prompt_tokens = prompts->prompt_tokens[i],
                             .output_tokens = prompts->output_tokens[i],
                             .task = l->cell->task,
                             .seed = l->cell->seed + (uint64_t)i };
  sb_record *record = &l->run->records[i];
  record->prompt_id = (uint32_t)i;
  record->t_intended = record->t_send = now;
  record->outcome = SB_OUTCOME_CANCELED;
  record->token_source = SB_TOKENS_TOKEN_IDS;
  record->prompt_tokens = request.prompt_tokens;
  record->text_hash = (uint64_t)i;
  sb_timeline_reset(&record->timeline, now);
  if (sb_sim_engine_submit(l->engine, now, &request) != SB_OK) {
    fprintf(stderr, "the engine refuses prompt %d\n", i);
    abort();
  }
}

static void on_event(void *context, const sb_sim_event *event)
{
  loop *l = context;
  sb_record *record = &l->run->records[event->id];
  sb_timeline_append(&record->timeline, event->due_ns, (uint32_t)event->tokens, true);
  l->last_ns = event->due_ns;
  l->step_sequences += !event->first;
  if (event->first)
    record->t_first_byte = event->due_ns;
  if (!event->last)
    return;
  record->t_done = event->due_ns;
  record->outcome = SB_OUTCOME_OK;
  record->finish = SB_FINISH_STOP;
  record->completion_tokens = (int64_t)record->timeline.tokens;
  if (l->sent < l->cell->prompts->count)
    send_next(l, event->due_ns);
}

sb_run *proof_run(const proof_cell *cell, proof_truth *truth)
{
  int count = cell->prompts->count;
  sb_sim_config config = { .profile = cell->profile, .k = cell->k, .seed = cell->seed };
  loop l = { .cell = cell, .engine = sb_sim_engine_new(&config), .run = sb_run_new((uint32_t)count) };
  l.run->concurrency = (uint32_t)cell->concurrency;
  l.run->clock_scale = cell->time_scale;
  while (l.sent < count && l.sent < cell->concurrency)
    send_next(&l, BEGIN_NS);
  int64_t next, before = BEGIN_NS;
  double sequence_ns = 0.0, sequences = 0.0;
  while ((next = sb_sim_engine_next(l.engine)) != INT64_MAX) {
    l.step_sequences = 0;
    sb_sim_engine_advance(l.engine, next, on_event, &l);
    sequence_ns += (double)(next - before) * l.step_sequences;
    sequences += l.step_sequences;
    before = next;
  }
  l.run->t_start = BEGIN_NS;
  l.run->t_end = l.last_ns;
  if (truth) {
    int streams = cell->concurrency < count ? cell->concurrency : count;
    truth->step_ms = sequence_ns / sequences / 1e6 * cell->time_scale;
    truth->decoding_share = sequence_ns / ((double)streams * (double)(l.last_ns - BEGIN_NS));
    sb_sim_engine_counters(l.engine, &truth->counters);
  }
  sb_sim_engine_free(l.engine);
  return l.run;
}

void proof_load_profile(sb_sim_profile *profile, const char *name)
{
  char path[512];
  sb_err err;
  snprintf(path, sizeof path, "%s/runtime/sim/profiles/%s.json", SB_SOURCE_DIR, name);
  if (sb_sim_profile_load(profile, path, NULL, &err) != SB_OK) {
    fprintf(stderr, "%s\n", err.text);
    exit(1);
  }
}

static int32_t draw_length(double mean, double spread, uint64_t seed)
{
  double tokens = mean * sb_sim_length_factor(spread, seed);
  return (int32_t)fmin(fmax(round(tokens), 4.0), 4.0 * mean);
}

void proof_draw_prompts(proof_prompts *prompts, int count, double prompt_mean, double output_mean,
                        double spread, uint64_t seed)
{
  prompts->count = count;
  for (int i = 0; i < count; i++) {
    prompts->prompt_tokens[i] = draw_length(prompt_mean, spread, proof_seed(seed, (uint64_t)i, 1));
    prompts->output_tokens[i] = draw_length(output_mean, spread, proof_seed(seed, (uint64_t)i, 2));
  }
}

double proof_run_noise(double sd, uint64_t seed)
{
  sb_rng rng;
  sb_rng_init(&rng, seed, 9);
  return exp(sd * sb_rng_normal(&rng));
}

uint64_t proof_seed(uint64_t a, uint64_t b, uint64_t c)
{
  uint64_t parts[] = { a, b, c };
  return sb_hash64(parts, sizeof parts, 0);
}

static int failures;

void proof_check(const char *name, double value, double low, double high)
{
  int holds = value >= low && value <= high;
  failures += !holds;
  printf("%-5s  %-74s %9.4f  (%g to %g)\n", holds ? "ok" : "SHORT", name, value, low, high);
  fflush(stdout);
}

int proof_status(void)
{
  return failures ? 1 : 0;
}
