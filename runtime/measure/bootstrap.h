#ifndef SB_BOOTSTRAP_H
#define SB_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/* Bootstrap intervals of figures that are functions of sums over rows (a row: one prompt). Rows are drawn
 * with replacement; the interval is the bias-corrected and accelerated one (BCa: Efron 1987, J. Am. Stat.
 * Assoc. 82, 171-185; the acceleration from the jackknife, as in Efron & Tibshirani 1993, eq. 14.15).
 *
 * Over the prompts of a single run it tells how much the choice of prompts matters, and nothing of how runs
 * differ: prompts of a run share batches, clocks and drift. Such an interval is labelled "within-run only"
 * and founds no verdict. */

enum { SB_BOOTSTRAP_MAX = 16 }; /* columns, and figures, at most */

/* Computes the figures of `count` rows whose columns sum to `sums`. */
typedef void (*sb_figures_fn)(const double *sums, size_t count, double *figures);

typedef struct sb_bootstrap {
  const double *rows; /* count x columns */
  size_t count, columns, figures;
  sb_figures_fn compute;
  size_t resamples; /* 1000 and more */
  double level;     /* 0.95 */
  uint64_t seed;
} sb_bootstrap;

typedef struct sb_bounds {
  double value;     /* of the rows themselves */
  double low, high; /* NaN where count < 2 or the value is */
} sb_bounds;

/* Fills bounds[figures]. The same seed and rows give the same bounds. */
void sb_bootstrap_run(const sb_bootstrap *bootstrap, sb_bounds *bounds);

#endif
