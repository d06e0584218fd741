/* A method that only writes shorter answers, on the same engine without speculation: `paired` must not take
 * that for speed. What remains at larger batches, where shorter answers change the batches of the others, is
 * measured. */
#include <math.h>
#include <stdio.h>

#include "measure/decompose.h"
#include "measure/metrics.h"
#include "measure/paired.h"
#include "world.h"

enum { PROMPTS = 512 };
#define SHORTER 0.7

int main(void)
{
  static sb_sim_profile profile;
  static proof_prompts prompts[2];
  proof_load_profile(&profile, "qwen2.5-7b");
  proof_draw_prompts(&prompts[0], PROMPTS, 400.0, 256.0, 0.6, 5);
  prompts[1] = prompts[0];
  for (int i = 0; i < PROMPTS; i++)
    prompts[1].output_tokens[i] = (int32_t)ceil(SHORTER * prompts[0].output_tokens[i]);
  const int concurrencies[] = { 1, 8, 32 };
  printf("answers %g times as long, %d prompts, no speculation on either side\n", SHORTER, PROMPTS);
  for (int i = 0; i < 3; i++) {
    sb_run *runs[2];
    sb_metrics metrics[2];
    for (int side = 0; side < 2; side++) {
      proof_cell cell = { .profile = &profile,
                          .concurrency = concurrencies[i],
                          .prompts = &prompts[side],
                          .seed = 3,
                          .time_scale = 1.0 };
      runs[side] = proof_run(&cell, NULL);
      sb_metrics_compute(runs[side], NULL, &metrics[side]);
    }
    sb_pairs pairs;
    sb_pairs_make(runs[0], runs[1], &pairs);
    double paired = exp(sb_pairs_log_ratio(&pairs));
    double total = metrics[1].total_token_throughput / metrics[0].total_token_throughput;
    double output = metrics[1].output_throughput / metrics[0].output_throughput;
    double decode = metrics[0].decode_tpot_ms / metrics[1].decode_tpot_ms;
    sb_decode_side side;
    bool told = sb_decode_side_measure(runs[1], 1.0, true, &side);
    double length = metrics[1].total_output_tokens / metrics[0].total_output_tokens;
    /* what scripts/specbench/analysis/lengths.lua does */
    double standardised = told ? paired / (1.0 - side.stalled * (1.0 - length)) : NAN;
    printf("b = %2d: paired %.4f, standardised %.4f, decode %.4f, output_throughput %.4f, total_throughput "
           "%.4f\n",
           concurrencies[i], paired, standardised, decode, output, total);
    char name[40];
    snprintf(name, sizeof name, "standardised at b = %d", concurrencies[i]);
    proof_check(name, standardised, 0.98, 1.02);
    if (concurrencies[i] == 1) {
      proof_check("paired at b = 1", paired, 0.99, 1.01);
      proof_check("total_throughput at b = 1 moves by", fabs(total - 1.0), 0.1, 1.0);
    }
    sb_pairs_deinit(&pairs);
    sb_run_free(runs[0]);
    sb_run_free(runs[1]);
  }
  return proof_status();
}
