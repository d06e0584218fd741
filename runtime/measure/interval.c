#include "measure/interval.h"

#include <math.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "measure/student.h"

void sb_interval_of(size_t count, double mean, double sd, double dof, double level, sb_interval *interval)
{
  double error = sd / sqrt((double)count), reach = sb_student_quantile(0.5 * (1.0 + level), dof) * error;
  *interval = (sb_interval){
    .count = count, .mean = mean, .sd = sd, .dof = dof, .low = mean - reach, .high = mean + reach
  };
  /* values that agree to the last bit: certain where they differ from 0, no evidence where they are 0 */
  interval->p = error > 0.0 ? sb_student_two_sided(mean / error, dof) : mean == 0.0;
}

void sb_interval_least(const double *values, size_t count, size_t least, double level, sb_interval *interval)
{
  double sum = 0.0, squares = 0.0, n = (double)count;
  for (size_t i = 0; i < count; i++)
    sum += values[i];
  double mean = count ? sum / n : NAN, sd = NAN;
  for (size_t i = 0; i < count; i++)
    squares += (values[i] - mean) * (values[i] - mean);
  if (count >= 2)
    sd = sqrt(squares / (n - 1.0));
  if (count >= least)
    sb_interval_of(count, mean, sd, n - 1.0, level, interval);
  else
    *interval = (sb_interval){
      .count = count, .mean = mean, .sd = sd, .dof = NAN, .low = NAN, .high = NAN, .p = NAN
    };
}

void sb_interval_t(const double *values, size_t count, double level, sb_interval *interval)
{
  sb_interval_least(values, count, SB_MIN_REPEATS, level, interval);
}

void sb_interval_widen(const sb_interval *interval, double variance, double dof, double level,
                       sb_interval *wider)
{
  double n = (double)interval->count, own = interval->sd * interval->sd / n, total = own + variance;
  double joined = total > 0.0 ? total * total / (own * own / interval->dof + variance * variance / dof) : dof;
  sb_interval_of(interval->count, interval->mean, sqrt(total * n), joined, level, wider);
}

sb_verdict sb_interval_verdict(const sb_interval *interval, double adjusted_p, double tie, double alpha)
{
  if (isnan(interval->low) || isnan(interval->high))
    return SB_VERDICT_NONE;
  if (interval->low >= log1p(-tie) && interval->high <= log1p(tie))
    return SB_VERDICT_TIE;
  if (adjusted_p <= alpha && interval->low > 0.0)
    return SB_VERDICT_FASTER;
  if (adjusted_p <= alpha && interval->high < 0.0)
    return SB_VERDICT_SLOWER;
  return SB_VERDICT_UNDECIDED;
}

const char *sb_verdict_name(sb_verdict verdict)
{
  switch (verdict) {
  case SB_VERDICT_NONE: break;
  case SB_VERDICT_FASTER: return "faster";
  case SB_VERDICT_SLOWER: return "slower";
  case SB_VERDICT_TIE: return "tie";
  case SB_VERDICT_UNDECIDED: return "undecided";
  }
  return "none";
}

static int by_value(const void *a, const void *b)
{
  double x = **(double *const *)a, y = **(double *const *)b;
  return (x > y) - (x < y);
}

void sb_false_discovery(double *p, size_t count)
{
  if (count == 0)
    return;
  double **sorted = sb_alloc(count * sizeof *sorted);
  size_t known = 0;
  for (size_t i = 0; i < count; i++)
    if (!isnan(p[i]))
      sorted[known++] = &p[i];
  qsort(sorted, known, sizeof *sorted, by_value);
  double smallest = 1.0;
  for (size_t rank = known; rank > 0; rank--) {
    smallest = fmin(smallest, *sorted[rank - 1] * (double)known / (double)rank);
    *sorted[rank - 1] = smallest;
  }
  free(sorted);
}
