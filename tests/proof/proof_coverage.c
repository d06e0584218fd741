/* Coverage of the intervals of `paired`, on the engine in virtual time where runs differ by 2 %: how often
 * the 95 % interval holds the estimand, with a fixed number of repeats, under adaptive stopping, and (to show
 * why it founds no verdict) within a single run. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/paired.h"
#include "measure/stopping.h"
#include "measure/withinrun.h"
#include "world.h"

enum { PROMPTS = 24, CONCURRENCY = 4, K = 3, TRUTH_CELLS = 4200 };
enum { EXPERIMENTS = 2000, ADAPTIVE = 8000, CAP = 20 };
#define RUN_NOISE 0.02

static sb_sim_profile profile;
static int32_t task;

/* One repeat: both sides on prompts of its own, or on those of the set `prompt_set`, each run with noise of its own. */
static void run_repeat(uint64_t seed, uint64_t prompt_set, double noise_sd, double method_scale,
                       sb_run *runs[2])
{
  static proof_prompts prompts;
  proof_draw_prompts(&prompts, PROMPTS, 250.0, 64.0, 0.4, prompt_set ? prompt_set : proof_seed(seed, 0, 0));
  for (int side = 0; side < 2; side++) {
    proof_cell cell = { .profile = &profile,
                        .k = side ? K : 0,
                        .concurrency = CONCURRENCY,
                        .task = task,
                        .prompts = &prompts,
                        .seed = proof_seed(seed, 1, 0),
                        .time_scale = proof_run_noise(noise_sd, proof_seed(seed, 2, (uint64_t)side)) };
    cell.time_scale *= side ? method_scale : 1.0;
    runs[side] = proof_run(&cell, NULL);
  }
}

static double paired_of(sb_run *runs[2])
{
  sb_pairs pairs;
  sb_pairs_make(runs[0], runs[1], &pairs);
  double value = sb_pairs_log_ratio(&pairs);
  sb_pairs_deinit(&pairs);
  sb_run_free(runs[0]);
  sb_run_free(runs[1]);
  return value;
}

static double repeat(uint64_t seed, double noise_sd, double method_scale)
{
  sb_run *runs[2];
  run_repeat(seed, 0, noise_sd, method_scale, runs);
  return paired_of(runs);
}

/* The estimand: the expectation of one repeat's value, over as many prompts as TRUTH_CELLS hold. */
static double estimand(void)
{
  double sum = 0.0, squares = 0.0;
  for (uint64_t i = 0; i < TRUTH_CELLS; i++) {
    double value = repeat(proof_seed(77, i, 0), 0.0, 1.0);
    sum += value;
    squares += value * value;
  }
  double mean = sum / TRUTH_CELLS, sd = sqrt(squares / TRUTH_CELLS - mean * mean);
  printf("estimand over %d prompts: paired = %.4f, standard error %.5f; a repeat's sd without noise %.4f\n",
         TRUTH_CELLS * PROMPTS, exp(mean), sd / sqrt(TRUTH_CELLS), sd);
  return mean;
}

static bool holds(const sb_interval *interval, double truth)
{
  return interval->low <= truth && truth <= interval->high;
}

static void prove_fixed(double truth, size_t repeats)
{
  double values[CAP], covered = 0.0, width = 0.0;
  for (uint64_t e = 0; e < EXPERIMENTS; e++) {
    sb_interval interval;
    for (uint64_t r = 0; r < repeats; r++)
      values[r] = repeat(proof_seed(1000 + repeats, e, r), RUN_NOISE, 1.0);
    sb_interval_t(values, repeats, 0.95, &interval);
    covered += holds(&interval, truth);
    width += (interval.high - interval.low) / 2.0 / EXPERIMENTS;
  }
  char name[100];
  snprintf(name, sizeof name, "coverage, %zu repeats (mean half width %.1f %%)", repeats, 100.0 * width);
  proof_check(name, covered / EXPERIMENTS, 0.935, 0.965);
}

/* Where every repeat sends the same prompts, and what is asked is what any such prompts would give. */
static void prove_population(double truth, size_t repeats, double noise)
{
  double covered = 0.0, these_only = 0.0;
  for (uint64_t e = 0; e < EXPERIMENTS; e++) {
    sb_run *runs[CAP][2];
    sb_pairs pairs[CAP];
    double values[CAP];
    for (uint64_t r = 0; r < repeats; r++) {
      run_repeat(proof_seed(4000 + repeats, e, r), proof_seed(5000, repeats, e), noise, 1.0, runs[r]);
      sb_pairs_make(runs[r][0], runs[r][1], &pairs[r]);
      values[r] = sb_pairs_log_ratio(&pairs[r]);
    }
    sb_interval interval, wider;
    sb_prompt_spread spread;
    sb_interval_t(values, repeats, 0.95, &interval);
    sb_pairs_spread(pairs, repeats, &spread);
    sb_interval_widen(&interval, spread.variance / PROMPTS, PROMPTS - 1.0, 0.95, &wider);
    these_only += holds(&interval, truth);
    covered += holds(&wider, truth);
    for (size_t r = 0; r < repeats; r++) {
      sb_pairs_deinit(&pairs[r]);
      sb_run_free(runs[r][0]);
      sb_run_free(runs[r][1]);
    }
  }
  char name[120];
  snprintf(name, sizeof name, "any such prompts, %zu repeats of the same, noise %.1f %% (these only %.3f)",
           repeats, 100.0 * noise, these_only / EXPERIMENTS);
  proof_check(name, covered / EXPERIMENTS, 0.935, 0.97);
}

static void prove_adaptive(double truth, const sb_stopping *rule, const char *words, double ratio)
{
  double scale = exp(truth) / ratio, target = log(ratio);
  double covered = 0.0, repeats = 0.0, values[CAP];
  uint64_t stream = proof_seed(2000 + rule->until, (uint64_t)(1e6 * ratio), (uint64_t)(1e6 * rule->width));
  for (uint64_t e = 0; e < ADAPTIVE; e++) {
    sb_stopping_state state = { .more = true };
    size_t count = 0;
    while (state.more) {
      values[count] = repeat(proof_seed(stream, e, count), RUN_NOISE, scale);
      sb_stopping_judge(rule, values, ++count, &state);
    }
    covered += holds(&state.interval, target);
    repeats += (double)count / ADAPTIVE;
  }
  char name[100];
  snprintf(name, sizeof name, "coverage, %s, true ratio %.2f (%.1f repeats in the mean)", words, ratio,
           repeats);
  proof_check(name, covered / ADAPTIVE, 0.935, rule->until == SB_UNTIL_DECIDED ? 0.97 : 0.965);
}

static void show_within_run(double truth)
{
  double covered = 0.0;
  for (uint64_t e = 0; e < EXPERIMENTS; e++) {
    sb_run *runs[2];
    sb_pairs pairs;
    sb_withinrun bounds;
    const double scales[1][2] = { { 1.0, 1.0 } };
    run_repeat(proof_seed(3000, e, 0), 0, RUN_NOISE, 1.0, runs);
    sb_pairs_make(runs[0], runs[1], &pairs);
    sb_withinrun_compute(&pairs, 1, scales, 0.95, e, &bounds);
    covered += bounds.paired.low <= truth && truth <= bounds.paired.high;
    sb_pairs_deinit(&pairs);
    sb_run_free(runs[0]);
    sb_run_free(runs[1]);
  }
  printf("for comparison: within-run intervals of single runs hold the estimand in %.1f %% of runs\n",
         100.0 * covered / EXPERIMENTS);
}

int main(void)
{
  proof_load_profile(&profile, "qwen2.5-7b");
  task = sb_sim_profile_task(&profile, "news2highlight");
  double truth = estimand();
  const size_t repeats[] = { 3, 5, 10 };
  for (int i = 0; i < 3; i++)
    prove_fixed(truth, repeats[i]);
  for (int i = 0; i < 3; i++) {
    prove_population(truth, repeats[i], RUN_NOISE);
    prove_population(truth, repeats[i], RUN_NOISE / 4.0);
  }
  const double widths[] = { 0.03, 0.05 }, ratios[] = { 1.0, 1.01, 1.03, 1.06, 1.25 };
  for (int i = 0; i < 2; i++) {
    char words[40];
    snprintf(words, sizeof words, "until ci=%g%%", 100.0 * widths[i]);
    prove_adaptive(truth, &(sb_stopping){ .until = SB_UNTIL_WIDTH, .width = widths[i], .cap = CAP }, words,
                   exp(truth));
  }
  const sb_stopping decided = { .until = SB_UNTIL_DECIDED, .tie = 0.02, .cap = CAP };
  for (int i = 0; i < 5; i++)
    prove_adaptive(truth, &decided, "until decided", ratios[i]);
  show_within_run(truth);
  return proof_status();
}
