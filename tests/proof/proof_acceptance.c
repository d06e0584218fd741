/* Acceptance per position: the engine's counters, and the same read off the timelines, against the profile; and
 * that drafts and steps are the same, since this engine drafts in every step. */
#include <math.h>
#include <stdio.h>

#include "measure/acceptance.h"
#include "world.h"

enum { PROMPTS = 4000, K = 3 };

int main(void)
{
  static sb_sim_profile profile;
  static proof_prompts prompts;
  proof_load_profile(&profile, "qwen2.5-7b");
  int32_t task = sb_sim_profile_task(&profile, "news2highlight");
  proof_draw_prompts(&prompts, PROMPTS, 200.0, 256.0, 0.5, 7);
  proof_cell cell = { .profile = &profile,
                      .k = K,
                      .concurrency = 8,
                      .task = task,
                      .prompts = &prompts,
                      .seed = 13,
                      .time_scale = 1.0 };
  proof_truth truth;
  sb_run *run = proof_run(&cell, &truth);
  sb_acceptance seen;
  double expected = 1.0, drafts = (double)truth.counters.drafts;
  bool told = sb_acceptance_measure(run, K, &seen);
  sb_run_free(run);
  proof_check("the timelines tell acceptance", told, 1.0, 1.0);
  printf("%.0f drafts by the counters, %.0f steps by the timelines, %.0f of them whole\n", drafts, seen.steps,
         seen.whole_steps);
  proof_check("drafts", drafts, 60000.0, INFINITY);
  proof_check("whole steps in the timelines", seen.whole_steps, 60000.0, INFINITY);
  proof_check("drafts by the counters / steps by the timelines", drafts / seen.steps, 1.0, 1.0);
  proof_check("tokens accepted beyond answers' ends, an answer",
              ((double)truth.counters.accepted_tokens - seen.accepted_tokens) / PROMPTS, 0.0, K);
  for (int p = 0; p < K; p++) {
    char name[80];
    expected *= profile.tasks[task].conditional[p];
    double counted = (double)truth.counters.accepted_per_position[p] / drafts;
    snprintf(name, sizeof name, "position %d: counters %.4f / profile %.4f", p + 1, counted, expected);
    proof_check(name, counted / expected, 0.99, 1.01);
    snprintf(name, sizeof name, "position %d: timelines %.4f / profile", p + 1,
             seen.accepted[p] / seen.whole_steps);
    proof_check(name, seen.accepted[p] / seen.whole_steps / expected, 0.99, 1.01);
  }
  return proof_status();
}
