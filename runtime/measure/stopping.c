#include "measure/stopping.h"

#include <math.h>

#include "measure/student.h"

#define LEVEL 0.95 /* of what is reported, over the whole procedure */
#define ALPHA 0.05 /* what the looks spend together where there is no difference */
#define TAIL 50.0  /* where p is below ALPHA by this factor, crossings at several looks hardly coincide */

static const size_t looks[] = { 3, 5, 8, 12, SB_STOPPING_MAX_CAP };
enum { LOOKS = sizeof looks / sizeof *looks };

/* What each look may spend, by how many the cap allows. */
static const double spending[LOOKS][LOOKS] = {
  { 0.05 },
  { 0.0320, 0.0240 },
  { 0.0220, 0.0165, 0.0138 },
  { 0.0204, 0.0153, 0.0127, 0.0102 },
  { 0.0187, 0.0140, 0.0117, 0.0093, 0.0093 },
};

/* Of what is reported at each look, where the cap allows several. */
static const double levels[LOOKS] = { 0.96, 0.972, 0.978, 0.98, 0.98 };

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
  interval->dof = dof;
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

/* p of a look, whose share of the spending is `spends`, as one of the whole procedure. */
static double spent_p(double p, const double *shares, size_t planned, size_t look)
{
  double sum = 0.0, whole = p / shares[look] * ALPHA;
  for (size_t i = 0; i < planned; i++)
    sum += shares[i];
  if (whole < ALPHA && sum > ALPHA)
    whole *= 1.0 + (sum / ALPHA - 1.0) * fmin(1.0, log(ALPHA / whole) / log(TAIL));
  return fmin(1.0, whole);
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
  state->next = state->wanted;
  if (passed == 0) {
    state->interval.low = state->interval.high = state->interval.p = NAN;
    return;
  }
  size_t look = (passed < LOOKS ? passed : LOOKS) - 1;
  const double *shares = spending[planned - 1];
  sb_interval strict;
  sb_interval_t(values, count, 1.0 - shares[look], &strict);
  sb_interval_t(values, count, planned > 1 ? levels[look] : LEVEL, &state->interval);
  state->interval.p = spent_p(state->interval.p, shares, planned, look);
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
  if (rule->until == SB_UNTIL_WIDTH)
    state->next = state->wanted;
  state->more = count < state->wanted;
}
