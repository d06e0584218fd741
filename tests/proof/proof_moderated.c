/* The moderated t on normal draws whose truth is known, with what a grid of cells has in common: the starts of a
 * method's server move all of its cells at once, those of the baseline's server every cell of the grid, and the
 * cells' own noise differs. Coverage over cells, and grids without any difference that have a false verdict. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "measure/moderate.h"
#include "world.h"

enum { EXPERIMENTS = 2000, MAX_CELLS = 64, MAX_BLOCKS = 8 };
#define ALPHA 0.05
#define TIE 0.02
#define NOISE 0.02 /* a cell's own, the median */

typedef struct world {
  size_t methods, cells_each, blocks;
  double start;   /* a server's starts' standard deviation / the cells' median noise */
  double unequal; /* standard deviation of the logarithm of the cells' noise */
  double effect;  /* of every second cell, on the logarithm */
} world;

typedef struct outcome {
  double covered, plain_covered, any_false, false_share, found, plain_found, plain_any_false;
} outcome;

static double draws[MAX_CELLS][MAX_BLOCKS];

static void draw(const world *w, sb_rng *rng)
{
  double base[MAX_BLOCKS], own[MAX_BLOCKS];
  for (size_t b = 0; b < w->blocks; b++)
    base[b] = w->start * NOISE * sb_rng_normal(rng);
  for (size_t c = 0; c < w->methods * w->cells_each; c++) {
    double noise = NOISE * exp(w->unequal * sb_rng_normal(rng));
    for (size_t b = 0; b < w->blocks; b++) {
      if (c % w->cells_each == 0)
        own[b] = w->start * NOISE * sb_rng_normal(rng);
      draws[c][b] = (c % 2 ? w->effect : 0.0) + own[b] - base[b] + noise * sb_rng_normal(rng);
    }
  }
}

/* Adds what intervals say of the grid to the tallies. */
static void tally(const world *w, const sb_interval *intervals, double *covered, double *any_false,
                  double *found, double *false_share)
{
  double p[MAX_CELLS], right = 0.0, wrong = 0.0;
  size_t count = w->methods * w->cells_each;
  for (size_t c = 0; c < count; c++)
    p[c] = intervals[c].p;
  sb_false_discovery(p, count);
  for (size_t c = 0; c < count; c++) {
    double truth = c % 2 ? w->effect : 0.0;
    sb_verdict verdict = sb_interval_verdict(&intervals[c], p[c], TIE, ALPHA);
    bool faster = verdict == SB_VERDICT_FASTER, slower = verdict == SB_VERDICT_SLOWER;
    *covered += (intervals[c].low <= truth && truth <= intervals[c].high) / (double)count;
    wrong += (faster && truth <= 0.0) || (slower && truth >= 0.0);
    right += faster && truth > 0.0;
  }
  *any_false += wrong > 0.0;
  *false_share += wrong > 0.0 ? wrong / (wrong + right) : 0.0;
  *found += right / ((double)count / 2.0);
}

static outcome measure(const world *w)
{
  outcome all = { 0 };
  size_t count = w->methods * w->cells_each;
  sb_repeated cells[MAX_CELLS];
  sb_interval intervals[MAX_CELLS], plain[MAX_CELLS];
  sb_moderation moderation;
  double unused = 0.0;
  sb_rng rng;
  uint64_t shape = proof_seed(w->methods, w->cells_each, w->blocks);
  sb_rng_init(&rng, proof_seed(shape, (uint64_t)(100.0 * w->start), (uint64_t)(1000.0 * w->effect)), 6);
  for (int e = 0; e < EXPERIMENTS; e++) {
    draw(w, &rng);
    for (size_t c = 0; c < count; c++) {
      cells[c] = (sb_repeated){ .values = draws[c], .baseline = 0, .server = c / w->cells_each };
      sb_interval_least(draws[c], w->blocks, 2, 1.0 - ALPHA, &plain[c]);
    }
    sb_moderate(cells, count, w->blocks, 2, 1.0 - ALPHA, intervals, &moderation);
    tally(w, intervals, &all.covered, &all.any_false, &all.found, &all.false_share);
    tally(w, plain, &all.plain_covered, &all.plain_any_false, &all.plain_found, &unused);
  }
  double *figures = &all.covered;
  for (size_t i = 0; i < sizeof all / sizeof *figures; i++)
    figures[i] /= EXPERIMENTS;
  return all;
}

static void prove(size_t methods, size_t cells_each, size_t blocks, double unequal)
{
  const double starts[] = { 0.0, 0.5, 1.0, 2.0, 8.0 };
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    world w = {
      .methods = methods, .cells_each = cells_each, .blocks = blocks, .start = starts[i], .unequal = unequal
    };
    outcome null = measure(&w);
    char name[120];
    int size = snprintf(name, sizeof name, "%zu x %zu cells, %zu blocks, starts %.1f: ", methods, cells_each,
                        blocks, starts[i]);
    snprintf(name + size, sizeof name - (size_t)size, "coverage (plain %.3f)", null.plain_covered);
    proof_check(name, null.covered, blocks == 2 ? 0.92 : 0.935, 0.975);
    snprintf(name + size, sizeof name - (size_t)size, "grids with a false verdict (plain %.3f)",
             null.plain_any_false);
    proof_check(name, null.any_false, 0.0, 0.065);
    w.effect = log(1.08);
    outcome some = measure(&w);
    snprintf(name + size, sizeof name - (size_t)size, "false discovery rate, half differ by 8 %%");
    proof_check(name, some.false_share, 0.0, 0.05);
    printf("       %s found %.1f %% of them (plain t %.1f %%)\n", "the moderated t", 100.0 * some.found,
           100.0 * some.plain_found);
  }
}

int main(void)
{
  printf("%d grids each; noise of the cells %g %%, unequal by a factor of %.2f (one standard deviation)\n",
         EXPERIMENTS, 100.0 * NOISE, exp(0.35));
  const size_t blocks[] = { 2, 3, 5 };
  for (int i = 0; i < 3; i++) {
    prove(1, 40, blocks[i], 0.35);
    prove(1, 6, blocks[i], 0.35);
    prove(5, 8, blocks[i], 0.35);
    prove(8, 1, blocks[i], 0.35);
  }
  prove(1, 40, 3, 0.0);
  return proof_status();
}
