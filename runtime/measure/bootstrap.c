#include "measure/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/strbuf.h"
#include "measure/samples.h"
#include "measure/student.h"

static void sum_all(const sb_bootstrap *b, double *sums)
{
  memset(sums, 0, SB_BOOTSTRAP_MAX * sizeof *sums);
  for (size_t i = 0; i < b->count; i++)
    for (size_t c = 0; c < b->columns; c++)
      sums[c] += b->rows[i * b->columns + c];
}

static void draw_rows(const sb_bootstrap *b, sb_rng *rng, double *sums)
{
  memset(sums, 0, SB_BOOTSTRAP_MAX * sizeof *sums);
  for (size_t i = 0; i < b->count; i++) {
    /* a product's upper half is even to 2^-32 x count, far below the bootstrap's error, without a division */
    size_t row = (size_t)((uint64_t)sb_rng_u32(rng) * b->count >> 32);
    for (size_t c = 0; c < b->columns; c++)
      sums[c] += b->rows[row * b->columns + c];
  }
}

/* a of BCa for every figure: the skewness of the values with one row left out. */
static void accelerations(const sb_bootstrap *b, const double *all, double *acceleration)
{
  double *left_out = sb_alloc(b->count * b->figures * sizeof *left_out), sums[SB_BOOTSTRAP_MAX];
  for (size_t i = 0; i < b->count; i++) {
    for (size_t c = 0; c < b->columns; c++)
      sums[c] = all[c] - b->rows[i * b->columns + c];
    b->compute(sums, b->count - 1, left_out + i * b->figures);
  }
  for (size_t f = 0; f < b->figures; f++) {
    double mean = 0.0, squares = 0.0, cubes = 0.0;
    for (size_t i = 0; i < b->count; i++)
      mean += left_out[i * b->figures + f] / (double)b->count;
    for (size_t i = 0; i < b->count; i++) {
      double off = mean - left_out[i * b->figures + f];
      squares += off * off;
      cubes += off * off * off;
    }
    acceleration[f] = squares > 0.0 ? cubes / (6.0 * pow(squares, 1.5)) : 0.0;
  }
  free(left_out);
}

/* The percentile of the resamples that BCa takes for the normal quantile z. */
static double corrected(double bias, double acceleration, double z)
{
  double shifted = bias + z;
  return 100.0 * sb_normal_cdf(bias + shifted / (1.0 - acceleration * shifted));
}

static void bound(sb_samples *values, double value, double acceleration, double level, sb_bounds *bounds)
{
  double below = 0.0, count = (double)values->count;
  for (size_t i = 0; i < values->count; i++)
    below += (values->values[i] < value) + 0.5 * (values->values[i] == value);
  /* half a resample off the ends keeps the correction finite */
  double bias = sb_normal_quantile(fmin(fmax(below / count, 0.5 / count), 1.0 - 0.5 / count));
  double z = sb_normal_quantile(0.5 * (1.0 + level));
  bounds->low = sb_samples_percentile(values, corrected(bias, acceleration, -z));
  bounds->high = sb_samples_percentile(values, corrected(bias, acceleration, z));
}

void sb_bootstrap_run(const sb_bootstrap *b, sb_bounds *bounds)
{
  double sums[SB_BOOTSTRAP_MAX], figures[SB_BOOTSTRAP_MAX], acceleration[SB_BOOTSTRAP_MAX];
  sb_samples values[SB_BOOTSTRAP_MAX] = { 0 };
  sum_all(b, sums);
  b->compute(sums, b->count, figures);
  for (size_t f = 0; f < b->figures; f++)
    bounds[f] = (sb_bounds){ figures[f], NAN, NAN };
  if (b->count < 2)
    return;
  accelerations(b, sums, acceleration);
  sb_rng rng;
  sb_rng_init(&rng, b->seed, 0);
  for (size_t i = 0; i < b->resamples; i++) {
    draw_rows(b, &rng, sums);
    b->compute(sums, b->count, figures);
    for (size_t f = 0; f < b->figures; f++)
      sb_samples_add(&values[f], figures[f]);
  }
  for (size_t f = 0; f < b->figures; f++) {
    if (!isnan(bounds[f].value) && values[f].count > 0)
      bound(&values[f], bounds[f].value, acceleration[f], b->level, &bounds[f]);
    sb_samples_deinit(&values[f]);
  }
}
