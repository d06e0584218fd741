#ifndef SB_MODERATE_H
#define SB_MODERATE_H

#include "measure/interval.h"

/* A t test of every cell of a grid whose standard errors borrow from the other cells: a variance of two or three
 * values is worth little, forty of them are worth a lot. Smyth (2004, Stat. Appl. Genet. Mol. Biol. 3, 3): the
 * cells' variances are draws around a prior one with d0 degrees of freedom, both fitted to the logarithms of all
 * variances; a cell's own, d degrees of freedom strong, is drawn towards it:
 *
 *     v~ = (d0 v0 + d v) / (d0 + d), with d0 + d degrees of freedom
 *
 * That holds for cells that are independent, and cells are not: those of one server share its starts, those of one
 * repeat share their prompts. So each value is taken apart first into what the cells of a pair of servers have in
 * common in a block (a start, or a repeat) and the cell's own rest. The rests' variances are moderated as above. The
 * common part has one draw a block, however many cells show it: its variance enters every cell's with the few degrees
 * of freedom that it has, Satterthwaite's rule joins the two, and where nothing is shared it costs next to nothing.
 *
 * Two allowances, calibrated by simulation (tests/proof/proof_moderated.c): d0 is fitted to a spread of the
 * variances one standard error above the one seen, since a prior that is too firm makes false verdicts; and the
 * common part's f degrees of freedom count for f^2 / (f + 0.5), since Satterthwaite's rule covers too little where
 * it dominates. */

enum { SB_MODERATED_CELLS = 6 }; /* with fewer the plain t decides */

/* One cell's log ratios, one a block (a start's mean, or one repeat); blocks of the same index belong together. */
typedef struct sb_repeated {
  const double *values; /* `blocks` of them; NaN: that block was not measured */
  size_t baseline,
      server; /* which servers it ran on, by numbers of the caller's; pairs of both are told apart */
} sb_repeated;

typedef struct sb_moderation {
  size_t cells;   /* that were moderated; 0: all intervals are plain, and the figures are NaN */
  size_t servers; /* pairs of servers among these */
  double prior_sd, prior_dof;
  double
      shared_sd; /* of what the cells of a pair of servers share in a block; 0: no more than chance shows */
} sb_moderation;

/* Fills one interval a cell. Cells with fewer than `least` blocks get none; those that have nothing to borrow from,
 * the plain t. least: SB_MIN_REPEATS for repeats, 2 for means of starts. */
void sb_moderate(const sb_repeated *cells, size_t count, size_t blocks, size_t least, double level,
                 sb_interval *intervals, sb_moderation *moderation);

#endif
