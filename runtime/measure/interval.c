#include "measure/interval.h"

#include <math.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "measure/student.h"

void sb_interval_t(const double *values, size_t count, double level, sb_interval *interval)
{
  double sum = 0.0, squares = 0.0, n = (double)count;
  for (size_t i = 0; i < count; i++)
    sum += values[i];
  *interval = (sb_interval){ .count = count, .mean = count ? sum / n : NAN, .sd = NAN, .low = NAN,
                             .high = NAN, .p = NAN };
  for (size_t i = 0; i < count; i++)
    squares += (values[i] - interval->mean) * (values[i] - interval->mean);
  if (count >= 2)
    interval->sd = sqrt(squares / (n - 1.0));
  if (count < SB_MIN_REPEATS)
    return;
  double error = interval->sd / sqrt(n);
  double reach = sb_student_quantile(0.5 * (1.0 + level), n - 1.0) * error;
  interval->low = interval->mean - reach;
  interval->high = interval->mean + reach;
  /* repeats that agree to the last bit: certain where they differ from 0, no evidence where they are 0 */
  interval->p = error > 0.0 ? sb_student_two_sided(interval->mean / error, n - 1.0)
                            : interval->mean == 0.0;
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
