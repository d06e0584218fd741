#ifndef SB_STOPPING_H
#define SB_STOPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/interval.h"

/* When to stop repeating a cell, with intervals that stay honest although the data decided when.
 *
 * SB_UNTIL_WIDTH, "the interval reaches no further than this": Stein's two-stage procedure (1945, Ann. Math.
 * Stat. 16, 243-258). The first SB_PILOT repeats give a standard deviation, that gives the number of repeats,
 * and the interval is mean -+ t(SB_PILOT - 1) sd of the pilot / sqrt(count). The number depends on the
 * pilot's spread alone, which is independent of the mean: the coverage is the level exactly, whatever the
 * noise.
 *
 * SB_UNTIL_DECIDED, "until it is faster, slower or a tie": a group-sequential plan whose looks spend 5 % together.
 * The data are looked at after 3, 5, 8, 12 and 20 repeats and at the cap. It stops where the interval of a look's
 * own share leaves 1 out or lies within the tie band. A look's share of the 5 % falls from the first to the last, so
 * that large effects are done after three repeats; the shares of the looks that the cap allows sum to more than 5 %,
 * since a grid that crosses at one look mostly would have at another: together they do so in 4.4 to 4.9 % of cells
 * without a difference. p is the share that would just have stopped at this look, as a share of all looks'; in the
 * tail, where crossings coincide less, it approaches the sum over looks, so that it holds for every threshold that a
 * grid may set. What is reported is the interval of level 96, 97.2, 97.8, 98 and 98 % by look (the plain 95 % where
 * the cap allows one look only). All of it is calibrated by simulation (tests/proof/proof_stopping.c): 93.5 to 97 %
 * hold over the whole procedure, whatever the effect and the tie band. */

enum { SB_PILOT = 5, SB_STOPPING_MAX_CAP = 20 };

typedef enum sb_until { SB_UNTIL_WIDTH, SB_UNTIL_DECIDED } sb_until;

typedef struct sb_stopping {
  sb_until until;
  double width; /* SB_UNTIL_WIDTH: how far the logarithm's interval may reach to a side; 0.03 = 3 % */
  double tie;   /* SB_UNTIL_DECIDED: the tie band's half width, 0.02 = 2 % */
  size_t cap;   /* repeats at most: SB_MIN_REPEATS .. SB_STOPPING_MAX_CAP */
} sb_stopping;

typedef struct sb_stopping_state {
  bool more;     /* another repeat is wanted */
  size_t wanted; /* so many in all, as far as is known now; never above the cap */
  size_t next;   /* the next look's: for a cell that stands alone, but not yet among those of its grid */
  sb_interval interval; /* 95 % over the procedure; low, high and p are NaN while no look is due yet */
} sb_stopping_state;

/* values: the log ratios of all repeats so far, in order. */
void sb_stopping_judge(const sb_stopping *rule, const double *values, size_t count, sb_stopping_state *state);

#endif
