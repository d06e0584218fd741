/* Acceptance per position: the engine's counters, and the same read off the timelines (a chunk of m tokens
 * had m - 1 accepted), against the profile. A chunk that begins so near its answer's end that it might be cut
 * there is left out: which those are does not depend on what they brought. */
#include <math.h>
#include <stdio.h>

#include "world.h"

enum { PROMPTS = 4000, K = 3 };

static void count_chunks(const sb_run *run, double *drafts, double *accepted)
{
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_timeline *timeline = &run->records[i].timeline;
    sb_timeline_reader reader;
    sb_chunk chunk;
    uint64_t before = 0;
    sb_timeline_read(timeline, &reader);
    while (sb_timeline_next(&reader, &chunk)) {
      if (before > 0 && timeline->tokens - before > K) {
        ++*drafts;
        for (uint32_t p = 0; p + 1 < chunk.tokens; p++)
          accepted[p]++;
      }
      before += chunk.tokens;
    }
  }
}

int main(void)
{
  static sb_sim_profile profile;
  static proof_prompts prompts;
  proof_load_profile(&profile, "qwen2.5-7b");
  int32_t task = sb_sim_profile_task(&profile, "news2highlight");
  proof_draw_prompts(&prompts, PROMPTS, 200.0, 256.0, 0.5, 7);
  proof_cell cell = { .profile = &profile, .k = K, .concurrency = 8, .task = task, .prompts = &prompts,
                      .seed = 13, .time_scale = 1.0 };
  proof_truth truth;
  sb_run *run = proof_run(&cell, &truth);
  double drafts = 0.0, accepted[SB_SIM_MAX_K] = { 0 }, expected = 1.0;
  count_chunks(run, &drafts, accepted);
  sb_run_free(run);
  printf("%lld drafts by the counters, %.0f by the timelines (without answers' ends)\n",
         (long long)truth.counters.drafts, drafts);
  proof_check("drafts", (double)truth.counters.drafts, 60000.0, INFINITY);
  for (int p = 0; p < K; p++) {
    char name[80];
    expected *= profile.tasks[task].conditional[p];
    double counted = (double)truth.counters.accepted_per_position[p] / (double)truth.counters.drafts;
    snprintf(name, sizeof name, "position %d: counters %.4f / profile %.4f", p + 1, counted, expected);
    proof_check(name, counted / expected, 0.99, 1.01);
    snprintf(name, sizeof name, "position %d: timelines %.4f / profile", p + 1, accepted[p] / drafts);
    proof_check(name, accepted[p] / drafts / expected, 0.99, 1.01);
  }
  return proof_status();
}
