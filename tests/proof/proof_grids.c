/* Verdicts over whole grids: how often a grid without any true difference has a false one, and which share of
 * the verdicts is false where half of the cells differ. With fixed repeats each has a start of the servers of its own,
 * which moves all cells of the baseline's server and of the method's alike, and the verdict is the moderated t's, the
 * plain one beside it (proof_moderated.c tries many more worlds, without an engine). */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "measure/moderate.h"
#include "measure/paired.h"
#include "measure/stopping.h"
#include "world.h"

enum { GRIDS = 400, CELLS = 40, CAP = 10, PROMPTS = 10, K = 3 };
#define RUN_NOISE 0.02
#define START_NOISE 0.01
#define TIE 0.02
#define ALPHA 0.05

static sb_sim_profile profile;
static int32_t task;
static const int concurrencies[] = { 1, 2, 4, 8 };
static double decided_covered, decided_repeats, decided_cells;
static const double effects[] = { 0.85, 0.92, 0.96, 1.05, 1.10, 1.20, 1.35 };

/* Both sides speculate, with acceptance drawn anew: the same expectation, times the effect. */
static double repeat(uint64_t seed, int cell_index, double effect)
{
  static proof_prompts prompts;
  proof_draw_prompts(&prompts, PROMPTS, 250.0, 48.0, 0.4, proof_seed(seed, 0, 0));
  sb_run *runs[2];
  for (uint64_t side = 0; side < 2; side++) {
    proof_cell cell = { .profile = &profile,
                        .k = K,
                        .concurrency = concurrencies[cell_index % 4],
                        .task = task,
                        .prompts = &prompts,
                        .seed = proof_seed(seed, 1, side),
                        .time_scale = proof_run_noise(RUN_NOISE, proof_seed(seed, 2, side)) };
    cell.time_scale /= side ? effect : 1.0;
    runs[side] = proof_run(&cell, NULL);
  }
  sb_pairs pairs;
  sb_pairs_make(runs[0], runs[1], &pairs);
  double value = sb_pairs_log_ratio(&pairs);
  sb_pairs_deinit(&pairs);
  sb_run_free(runs[0]);
  sb_run_free(runs[1]);
  return value;
}

typedef struct outcome {
  int claims, false_claims, ties, false_ties, real;
} outcome;

static double effect_of(int cell_index, int differing)
{
  return cell_index < differing ? effects[cell_index % 7] : 1.0;
}

/* What the starts of both servers do to the ratios of a repeat, in every cell. */
static double start_of(uint64_t seed, size_t repeat_index)
{
  return log(proof_run_noise(START_NOISE, proof_seed(seed, 100, repeat_index)) /
             proof_run_noise(START_NOISE, proof_seed(seed, 101, repeat_index)));
}

/* As many repeats of every cell as the rule "until decided" takes. Over a grid a cell also goes on where its verdict
 * does not survive among the others, as specbench.analysis.repeats has it. */
static void until_decided(uint64_t seed, int differing, sb_interval *intervals)
{
  const sb_stopping rule = { .until = SB_UNTIL_DECIDED, .tie = TIE, .cap = CAP };
  sb_stopping_state states[CELLS];
  static double values[CELLS][CAP];
  size_t counts[CELLS] = { 0 }, wanted[CELLS];
  bool more = true;
  for (int c = 0; c < CELLS; c++)
    wanted[c] = SB_MIN_REPEATS;
  while (more) {
    double p[CELLS];
    more = false;
    for (int c = 0; c < CELLS; c++) {
      for (; counts[c] < wanted[c]; counts[c]++)
        values[c][counts[c]] = repeat(proof_seed(seed, (uint64_t)c, counts[c]), c, effect_of(c, differing));
      sb_stopping_judge(&rule, values[c], counts[c], &states[c]);
      p[c] = states[c].interval.p;
    }
    sb_false_discovery(p, CELLS);
    for (int c = 0; c < CELLS; c++) {
      bool among = sb_interval_verdict(&states[c].interval, p[c], TIE, ALPHA) != SB_VERDICT_UNDECIDED;
      wanted[c] = states[c].more ? states[c].wanted : among || counts[c] >= CAP ? counts[c] : states[c].next;
      more = more || wanted[c] > counts[c];
    }
  }
  for (int c = 0; c < CELLS; c++) {
    intervals[c] = states[c].interval;
    double truth = log(effect_of(c, differing));
    decided_covered += intervals[c].low <= truth && truth <= intervals[c].high;
    decided_repeats += (double)counts[c];
    decided_cells += 1.0;
  }
}

/* plain: judged by Student's t of each cell alone. */
static void measure_grid(uint64_t seed, size_t repeats, int differing, bool plain, sb_interval *intervals)
{
  static double values[CELLS][CAP];
  sb_repeated cells[CELLS];
  if (repeats == 0)
    until_decided(seed, differing, intervals);
  for (int c = 0; c < CELLS; c++) {
    for (size_t r = 0; r < repeats; r++)
      values[c][r] = repeat(proof_seed(seed, (uint64_t)c, r), c, effect_of(c, differing)) + start_of(seed, r);
    cells[c] = (sb_repeated){ .values = values[c] };
    if (repeats && plain)
      sb_interval_t(values[c], repeats, 0.95, &intervals[c]);
  }
  sb_moderation moderation;
  if (repeats && !plain)
    sb_moderate(cells, CELLS, repeats, SB_MIN_REPEATS, 0.95, intervals, &moderation);
}

static outcome judge_grid(uint64_t seed, size_t repeats, int differing, bool plain)
{
  sb_interval intervals[CELLS];
  double p[CELLS];
  measure_grid(seed, repeats, differing, plain, intervals);
  for (int c = 0; c < CELLS; c++)
    p[c] = intervals[c].p;
  sb_false_discovery(p, CELLS);
  outcome found = { 0 };
  for (int c = 0; c < CELLS; c++) {
    double effect = effect_of(c, differing);
    sb_verdict verdict = sb_interval_verdict(&intervals[c], p[c], TIE, ALPHA);
    int faster = verdict == SB_VERDICT_FASTER, slower = verdict == SB_VERDICT_SLOWER;
    found.real += effect != 1.0;
    found.claims += faster || slower;
    found.false_claims += (faster && effect <= 1.0) || (slower && effect >= 1.0);
    found.ties += verdict == SB_VERDICT_TIE;
    found.false_ties += verdict == SB_VERDICT_TIE && effect != 1.0;
  }
  return found;
}

static void prove(size_t repeats, bool plain, const char *words)
{
  char name[100];
  double any_false = 0.0, false_share = 0.0;
  outcome all = { 0 };
  for (uint64_t g = 0; g < GRIDS; g++) {
    any_false += judge_grid(proof_seed(1, g, repeats), repeats, 0, plain).false_claims > 0;
    outcome one = judge_grid(proof_seed(2, g, repeats), repeats, CELLS / 2, plain);
    false_share += one.claims ? (double)one.false_claims / one.claims : 0.0;
    all.claims += one.claims;
    all.false_claims += one.false_claims;
    all.false_ties += one.false_ties;
    all.real += one.real;
  }
  snprintf(name, sizeof name, "%s: grids without a difference that have a false verdict", words);
  proof_check(name, any_false / GRIDS, 0.0, 0.075);
  snprintf(name, sizeof name, "%s: false discovery rate where half of the cells differ", words);
  proof_check(name, false_share / GRIDS, 0.0, 0.06);
  printf("%s: of %d true differences %.1f %% were found, %.2f %% were called a tie\n", words, all.real,
         100.0 * (all.claims - all.false_claims) / all.real, 100.0 * all.false_ties / all.real);
}

int main(void)
{
  proof_load_profile(&profile, "qwen2.5-7b");
  task = sb_sim_profile_task(&profile, "news2highlight");
  printf("%d grids of %d cells, %d prompts a cell, run noise %g %%, start noise %g %%\n", GRIDS, CELLS,
         PROMPTS, 100.0 * RUN_NOISE, 100.0 * START_NOISE);
  prove(3, true, "3 repeats, plain t");
  prove(3, false, "3 repeats");
  prove(5, true, "5 repeats, plain t");
  prove(5, false, "5 repeats");
  prove(0, false, "until decided");
  proof_check("until decided: coverage over all cells", decided_covered / decided_cells, 0.935, 0.98);
  printf("until decided: %.1f repeats a cell in the mean, at most %d\n", decided_repeats / decided_cells,
         CAP);
  return proof_status();
}
