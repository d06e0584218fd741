#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/moderate.h"

enum { CELLS = 8, BLOCKS = 3 };

static double values[CELLS][BLOCKS];
static sb_repeated cells[CELLS];
static sb_interval intervals[CELLS];
static sb_moderation found;

/* `shared`: of the standard deviation of what all cells have in common in a block, their own being 1. */
static void draw(sb_rng *rng, double shared)
{
  for (int b = 0; b < BLOCKS; b++) {
    double common = shared * sb_rng_normal(rng);
    for (int c = 0; c < CELLS; c++)
      values[c][b] = common + sb_rng_normal(rng);
  }
  for (int c = 0; c < CELLS; c++)
    cells[c] = (sb_repeated){ .values = values[c], .baseline = 7, .server = 9 };
}

static void moderate(size_t count)
{
  sb_moderate(cells, count, BLOCKS, SB_MIN_REPEATS, 0.95, intervals, &found);
}

static bool is_plain(int c)
{
  sb_interval plain;
  sb_interval_t(values[c], BLOCKS, 0.95, &plain);
  return fabs(plain.low - intervals[c].low) < 1e-12 && fabs(plain.high - intervals[c].high) < 1e-12 &&
         fabs(plain.p - intervals[c].p) < 1e-12 && plain.mean == intervals[c].mean;
}

static void few_cells_keep_the_plain_t(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 1, 0);
  draw(&rng, 0.0);
  moderate(SB_MODERATED_CELLS - 1);
  assert_int_equal(found.cells, 0);
  for (int c = 0; c < SB_MODERATED_CELLS - 1; c++)
    assert_true(is_plain(c));
  moderate(SB_MODERATED_CELLS);
  assert_int_equal(found.cells, SB_MODERATED_CELLS);
  for (int c = 0; c < SB_MODERATED_CELLS; c++)
    assert_false(is_plain(c));
}

/* Eight cells of one pair of servers, each with the same spread around what they share: the variances to be moderated
 * are equal, so that the whole figure can be worked out. */
static void variances_and_their_degrees_of_freedom_are_those_of_the_definition(void **state)
{
  (void)state;
  const double shared[BLOCKS] = { 0.3, -0.1, -0.2 };
  for (int c = 0; c < CELLS; c++) {
    double own = c % 2 ? 0.1 : -0.1;
    values[c][0] = 1.0 + shared[0] + own;
    values[c][1] = 1.0 + shared[1] - own;
    values[c][2] = 1.0 + shared[2];
    cells[c] = (sb_repeated){ .values = values[c], .baseline = 1, .server = 2 };
  }
  moderate(CELLS);
  assert_int_equal(found.servers, 1);
  double rest = 0.02 / 2.0 / (1.0 - 1.0 / CELLS), base = 0.14 / 2.0;
  assert_true(fabs(found.shared_sd - sqrt(base - rest / CELLS)) < 1e-12);
  for (int c = 0; c < CELLS; c++) {
    double own = (found.prior_dof * found.prior_sd * found.prior_sd + 2.0 * rest) / (found.prior_dof + 2.0);
    double own_dof = fmin(found.prior_dof + 2.0, 2.0 * (CELLS - 1));
    double total = own + base, base_dof = 2.0 * 2.0 / 2.5;
    assert_true(fabs(intervals[c].sd - sqrt(total)) < 1e-12);
    assert_true(fabs(intervals[c].mean - 1.0) < 1e-12);
    assert_true(fabs(intervals[c].dof - total * total / (own * own / own_dof + base * base / base_dof)) <
                1e-9);
  }
}

static void a_cell_that_lacks_a_block_or_all_does_not_spoil_the_others(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 4, 0);
  draw(&rng, 5.0);
  values[0][1] = NAN; /* two of three */
  values[1][0] = values[1][1] = values[1][2] = NAN;
  sb_moderate(cells, CELLS, BLOCKS, 2, 0.95, intervals, &found);
  assert_int_equal(found.cells, CELLS - 1);
  assert_true(isnan(intervals[1].low) && isnan(intervals[1].mean) && intervals[1].count == 0);
  assert_int_equal(intervals[0].count, 2);
  for (int c = 0; c < CELLS; c++)
    assert_true(c == 1 || (intervals[c].high - intervals[c].low > 0.0 && intervals[c].p > 0.0));
  moderate(CELLS); /* two are too few repeats, but enough starts */
  assert_true(isnan(intervals[0].low) && found.cells == CELLS - 2);
}

static void a_cell_beside_whose_baseline_no_other_ran_keeps_the_plain_t(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 5, 0);
  draw(&rng, 0.0);
  cells[3].baseline = 8;
  moderate(CELLS);
  assert_int_equal(found.cells, CELLS - 1);
  assert_true(is_plain(3) && !is_plain(2));
}

/* What proof_moderated.c shows over many worlds, in two: nothing is common to the cells, and the common part
 * dominates, where variances that leave it out hold the truth far too seldom. */
static void intervals_hold_the_truth_where_cells_share_their_blocks(void **state)
{
  (void)state;
  enum { GRIDS = 400 };
  const double shares[] = { 0.0, 2.0 };
  for (int s = 0; s < 2; s++) {
    double covered = 0.0;
    int any_false = 0;
    sb_rng rng;
    sb_rng_init(&rng, 11, 0);
    for (int g = 0; g < GRIDS; g++) {
      double p[CELLS], least = 1.0;
      draw(&rng, shares[s]);
      moderate(CELLS);
      for (int c = 0; c < CELLS; c++) {
        covered += intervals[c].low <= 0.0 && intervals[c].high >= 0.0;
        p[c] = intervals[c].p;
      }
      sb_false_discovery(p, CELLS);
      for (int c = 0; c < CELLS; c++)
        least = fmin(least, p[c]);
      any_false += least <= 0.05;
    }
    covered /= GRIDS * CELLS;
    if (covered < 0.92 || covered > 0.985 || any_false > 0.085 * GRIDS)
      fail_msg("shared %g: coverage %.3f, %d of %d grids with a false verdict", shares[s], covered, any_false,
               GRIDS);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(few_cells_keep_the_plain_t),
    cmocka_unit_test(variances_and_their_degrees_of_freedom_are_those_of_the_definition),
    cmocka_unit_test(a_cell_that_lacks_a_block_or_all_does_not_spoil_the_others),
    cmocka_unit_test(a_cell_beside_whose_baseline_no_other_ran_keeps_the_plain_t),
    cmocka_unit_test(intervals_hold_the_truth_where_cells_share_their_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
