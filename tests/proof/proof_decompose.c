/* The decomposition against what the engine knows: each factor from the client's side within 2 % of its known
 * value, their product within 2 % of the measured speed-up. */
#include <math.h>
#include <stdio.h>

#include "measure/decompose.h"
#include "measure/metrics.h"
#include "world.h"

enum { PROMPTS = 192 };

static sb_sim_profile profile;

/* What the profile promises: 1 + the sum over positions of the chance that all up to there are accepted. */
static double expected_tokens_per_step(int32_t task, int k)
{
  double sum = 1.0, all = 1.0;
  for (int i = 0; i < k; i++) {
    all *= profile.tasks[task].conditional[i];
    sum += all;
  }
  return sum;
}

typedef struct side {
  sb_decode_side seen;
  proof_truth truth;
  double output_throughput, first_tokens;
} side;

static side measure(int k, int concurrency, int32_t task, const proof_prompts *prompts)
{
  side result = { 0 };
  proof_cell cell = { .profile = &profile,
                      .k = k,
                      .concurrency = concurrency,
                      .task = task,
                      .prompts = prompts,
                      .seed = 11,
                      .time_scale = 1.0 };
  sb_run *run = proof_run(&cell, &result.truth);
  const sb_sim_counters *counters = &result.truth.counters;
  double tokens = counters->drafts ? 1.0 + (double)counters->accepted_tokens / (double)counters->drafts : 1.0;
  if (!sb_decode_side_measure(run, tokens, true, &result.seen))
    printf("SHORT  the run cannot be decomposed\n");
  sb_metrics metrics;
  sb_metrics_compute(run, NULL, &metrics);
  result.output_throughput = metrics.output_throughput;
  result.first_tokens = metrics.total_output_tokens / (metrics.total_output_tokens - PROMPTS);
  sb_run_free(run);
  return result;
}

static void prove(const char *name, int k, int concurrency, double value)
{
  char text[100];
  snprintf(text, sizeof text, "k = %d, b = %2d: %s", k, concurrency, name);
  proof_check(text, value, 0.98, 1.02);
}

int main(void)
{
  static proof_prompts prompts;
  proof_load_profile(&profile, "qwen2.5-7b");
  int32_t task = sb_sim_profile_task(&profile, "SpecBench_conversation");
  proof_draw_prompts(&prompts, PROMPTS, 400.0, 256.0, 0.5, 6);
  const int ks[] = { 1, 3, 5 }, concurrencies[] = { 1, 8, 32 };
  for (int b = 0; b < 3; b++) {
    side baseline = measure(0, concurrencies[b], task, &prompts);
    for (int i = 0; i < 3; i++) {
      side method = measure(ks[i], concurrencies[b], task, &prompts);
      sb_decomposition found;
      double measured = method.output_throughput / baseline.output_throughput;
      sb_decompose(&baseline.seen, &method.seen, measured, &found);
      double step = baseline.truth.step_ms / method.truth.step_ms;
      double rest = method.truth.decoding_share * method.first_tokens /
                    (baseline.truth.decoding_share * baseline.first_tokens);
      printf("k = %d, b = %2d: %.4f = %.4f x %.4f x %.4f (tokens x step x rest) x %.4f\n", ks[i],
             concurrencies[b], found.measured, found.tokens, found.step, found.rest, found.unexplained);
      prove("tokens a step / the profile's", ks[i], concurrencies[b],
            found.tokens / expected_tokens_per_step(task, ks[i]));
      prove("step-time ratio / the engine's", ks[i], concurrencies[b], found.step / step);
      prove("rest / the engine's", ks[i], concurrencies[b], found.rest / rest);
      prove("product / measured", ks[i], concurrencies[b], found.product / found.measured);
    }
  }
  return proof_status();
}
