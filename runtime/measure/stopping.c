#include "measure/stopping.h"

#include <math.h>

#include "measure/student.h"

#define LEVEL 0.95        /* of what is reported, over the whole procedure */
#define STOP_LEVEL 0.99   /* of the interval that ends the repeats */

static const size_t looks[] = { 3, 5, 8, 12, SB_STOPPING_MAX_CAP };
enum { LOOKS = sizeof looks / sizeof *looks };

/* Of what is reported at each look, where the cap allows several. */
static const double levels[LOOKS] = { 0.955, 0.97, 0.975, 0.978, 0.978 };

static void judge_width(const sb_stopping *rule, const double *values, size_t count, sb_stopping_state *state)
{
  size_t pilot = rule->cap < SB_PILOT ? rule->cap : SB_PILOT;
  state->wanted = pilot;
  if (count < pilot) {
    state->interval.low = state->interval.high = state->interval.p = NAN;
    return;
  }
  sb_interval first;
  sb_interval_t(values, pilot, LEVEL, &first);
  double dof = (double)pilot - 1.0, factor = sb_student_quantile(0.5 * (1.0 + LEVEL), dof) * first.sd;
  double needed = ceil(factor * factor / (rule->width * rule->width));
  if (needed > (double)pilot)
    state->wanted = needed < (double)rule->cap ? (size_t)needed : rule->cap;

  sb_interval *interval = &state->interval;
  double root = sqrt((double)count);
  interval->sd = first.sd;
  interval->low = interval->mean - factor / root;
  interval->high = interval->mean + factor / root;
  if (first.sd > 0.0)
    interval->p = sb_student_two_sided(interval->mean * root / first.sd, dof);
}

static bool decides(const sb_interval *interval, double tie)
{
  return interval->low > 0.0 || interval->high < 0.0 ||
         (interval->low >= log1p(-tie) && interval->high <= log1p(tie));
}

static void judge_decided(const sb_stopping *rule, const double *values, size_t count,
                          sb_stopping_state *state)
{
  size_t planned = 0, passed = 0; /* looks that the cap allows; those that are due */
  size_t latest = 0;              /* the last of these */
  state->wanted = rule->cap;
  for (size_t next = 0; next < rule->cap; planned++) {
    next = planned < LOOKS && looks[planned] < rule->cap ? looks[planned] : rule->cap;
    if (next <= count) {
      latest = next;
      passed++;
    } else if (planned == passed) {
      state->wanted = next;
    }
  }
  if (passed == 0) {
    state->interval.low = state->interval.high = state->interval.p = NAN;
    return;
  }
  sb_interval strict;
  sb_interval_t(values, count, STOP_LEVEL, &strict);
  double level = planned > 1 ? levels[(passed < LOOKS ? passed : LOOKS) - 1] : LEVEL;
  sb_interval_t(values, count, level, &state->interval);
  double later = (double)planned - 1.0, share = planned == 1 ? 1.0 : passed == 1 ? 0.5 : 0.5 / later;
  state->interval.p = fmin(1.0, state->interval.p / share);
  if (latest == count && decides(&strict, rule->tie))
    state->wanted = count;
}

void sb_stopping_judge(const sb_stopping *rule, const double *values, size_t count, sb_stopping_state *state)
{
  sb_interval_t(values, count, LEVEL, &state->interval);
  if (rule->until == SB_UNTIL_WIDTH)
    judge_width(rule, values, count, state);
  else
    judge_decided(rule, values, count, state);
  state->more = count < state->wanted;
}
