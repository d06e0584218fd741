#include "sim/pacer.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/strbuf.h"

typedef struct sequence {
  uint64_t id;
  int32_t left, prompt_tokens;
  bool started;
} sequence; /* left == 0: over, taken out after the step */

struct sb_sim_pacer {
  int64_t step_ns, next;
  int32_t tokens_per_step;
  sequence *live;
  size_t count, capacity;
  sb_sim_counters counters;
};

sb_sim_pacer *sb_sim_pacer_new(int64_t step_ns, int32_t tokens_per_step)
{
  sb_sim_pacer *pacer = sb_calloc(1, sizeof *pacer);
  pacer->step_ns = step_ns;
  pacer->tokens_per_step = tokens_per_step;
  pacer->next = INT64_MAX;
  return pacer;
}

void sb_sim_pacer_free(sb_sim_pacer *pacer)
{
  if (!pacer)
    return;
  free(pacer->live);
  free(pacer);
}

void sb_sim_pacer_submit(sb_sim_pacer *pacer, int64_t now, const sb_sim_request *request)
{
  sb_grow(pacer->live, pacer->count, pacer->capacity, 64);
  pacer->live[pacer->count++] = (sequence){ .id = request->id,
                                            .left = request->output_tokens,
                                            .prompt_tokens = request->prompt_tokens };
  if (pacer->counters.running++ == 0)
    pacer->next = (now / pacer->step_ns + 1) * pacer->step_ns;
}

static void end_sequence(sb_sim_pacer *pacer, sequence *s)
{
  s->left = 0;
  pacer->counters.running--;
}

void sb_sim_pacer_cancel(sb_sim_pacer *pacer, uint64_t id)
{
  for (size_t i = 0; i < pacer->count; i++)
    if (pacer->live[i].id == id && pacer->live[i].left > 0)
      end_sequence(pacer, &pacer->live[i]);
}

int64_t sb_sim_pacer_next(const sb_sim_pacer *pacer)
{
  return pacer->counters.running ? pacer->next : INT64_MAX;
}

static void step(sb_sim_pacer *pacer, int64_t due, sb_sim_event_fn on_event, void *context)
{
  size_t count = pacer->count; /* what on_event submits waits for the next step */
  for (size_t i = 0; i < count; i++) {
    sequence *s = &pacer->live[i];
    if (s->left == 0)
      continue;
    int32_t tokens = s->left < pacer->tokens_per_step ? s->left : pacer->tokens_per_step;
    sb_sim_event event = {
      .id = s->id, .due_ns = due, .tokens = tokens, .first = !s->started, .last = tokens == s->left
    };
    if (!s->started)
      pacer->counters.prompt_tokens += s->prompt_tokens;
    s->started = true;
    pacer->counters.generation_tokens += tokens;
    if (event.last)
      end_sequence(pacer, s);
    else
      s->left -= tokens;
    on_event(context, &event); /* may move pacer->live */
  }
  size_t kept = 0;
  for (size_t i = 0; i < pacer->count; i++)
    if (pacer->live[i].left > 0)
      pacer->live[kept++] = pacer->live[i];
  pacer->count = kept;
  pacer->counters.steps++;
}

/* One step a call, so that a server that cannot keep up still reads requests between two steps. */
void sb_sim_pacer_advance(sb_sim_pacer *pacer, int64_t now, sb_sim_event_fn on_event, void *context)
{
  int64_t due = pacer->next;
  if (due > now)
    return;
  int64_t latest = now / pacer->step_ns * pacer->step_ns;
  pacer->next = due + pacer->step_ns > latest ? due + pacer->step_ns : latest;
  step(pacer, due, on_event, context);
  if (pacer->count == 0)
    pacer->next = INT64_MAX;
}

void sb_sim_pacer_counters(const sb_sim_pacer *pacer, sb_sim_counters *counters)
{
  *counters = pacer->counters;
}
