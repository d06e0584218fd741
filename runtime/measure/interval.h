#ifndef SB_INTERVAL_H
#define SB_INTERVAL_H

#include <stddef.h>

/* What repeats say about a speed-up. Everything is on the natural logarithm of a ratio, one value a repeat
 * (method and baseline of the same repeat) or one a start of the servers (the mean over its repeats): 0 means "as
 * fast as the baseline". */

enum { SB_MIN_REPEATS = 3 }; /* below, no interval over repeats and no verdict */

typedef struct sb_interval {
  size_t count;     /* values; where there are none, all figures are NaN */
  double mean, sd;  /* sd with divisor count - 1; NaN below two values */
  double dof;       /* degrees of freedom of the t that the interval stands on; NaN as low is */
  double low, high; /* of the mean; NaN where there are too few values */
  double p;         /* two-sided, of "the mean is 0"; NaN as low is */
} sb_interval;

/* Student's t over the repeats: mean -+ t(1 - (1 - level) / 2; count - 1) sd / sqrt(count). level: 0.95. */
void sb_interval_t(const double *values, size_t count, double level, sb_interval *interval);

/* The same where `least` values suffice, 2 or more: means of starts. */
void sb_interval_least(const double *values, size_t count, size_t least, double level, sb_interval *interval);

/* The same from a standard deviation that is known with `dof` degrees of freedom, wherever it comes from. */
void sb_interval_of(size_t count, double mean, double sd, double dof, double level, sb_interval *interval);

/* The interval of a mean that has a further, independent source of error: `variance` of the mean, known with `dof`
 * degrees of freedom (Satterthwaite's rule joins the two). */
void sb_interval_widen(const sb_interval *interval, double variance, double dof, double level,
                       sb_interval *wider);

typedef enum sb_verdict {
  SB_VERDICT_NONE, /* too few repeats, or the figure is absent */
  SB_VERDICT_FASTER,
  SB_VERDICT_SLOWER,
  SB_VERDICT_TIE, /* the whole interval lies within the tie band */
  SB_VERDICT_UNDECIDED
} sb_verdict;

/* `adjusted_p`: interval->p after sb_false_discovery over the grid. A tie is what lies inside 1 - tie ..
 * 1 + tie (tie = 0.02: 2 %), even where it certainly is not 1; faster and slower need adjusted_p <= alpha and
 * an interval that leaves 1 out. */
sb_verdict sb_interval_verdict(const sb_interval *interval, double adjusted_p, double tie, double alpha);

/* "faster", "slower", "tie", "undecided", "none"; never NULL. */
const char *sb_verdict_name(sb_verdict verdict);

/* Benjamini and Hochberg (1995, J. R. Stat. Soc. B 57, 289-300): replaces each p by the smallest false
 * discovery rate at which its hypothesis is rejected. NaN stays and does not count. */
void sb_false_discovery(double *p, size_t count);

#endif
