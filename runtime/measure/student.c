#include "measure/student.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

enum { MAX_TERMS = 500, MAX_STEPS = 200 };

/* Keeps Lentz's denominators off zero. */
static double off_zero(double value)
{
  return fabs(value) < DBL_MIN / DBL_EPSILON ? DBL_MIN / DBL_EPSILON : value;
}

/* The continued fraction of I_x(a, b); converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
  double c = 1.0, d = 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0)), value = d;
  for (int m = 1; m <= MAX_TERMS; m++) {
    double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    d = 1.0 / off_zero(1.0 + even * d);
    c = off_zero(1.0 + even / c);
    value *= c * d;
    double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 / off_zero(1.0 + odd * d);
    c = off_zero(1.0 + odd / c);
    value *= c * d;
    if (fabs(c * d - 1.0) < DBL_EPSILON)
      break;
  }
  return value;
}

/* I_x(a, b); `rest` is 1 - x, given apart because it may be tiny. */
static double incomplete_beta(double x, double rest, double a, double b)
{
  if (x <= 0.0)
    return 0.0;
  if (rest <= 0.0)
    return 1.0;
  double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest));
  if (x < (a + 1.0) / (a + b + 2.0))
    return front * beta_fraction(x, a, b) / a;
  return 1.0 - front * beta_fraction(rest, b, a) / b;
}

double sb_student_two_sided(double t, double dof)
{
  if (isnan(t))
    return NAN;
  if (isinf(t))
    return 0.0;
  double square = t * t;
  return incomplete_beta(dof / (dof + square), square / (dof + square), 0.5 * dof, 0.5);
}

static double student_tail(double t, double dof)
{
  return 0.5 * sb_student_two_sided(t, dof);
}

static double student_density(double t, double dof)
{
  double log_norm = lgamma(0.5 * (dof + 1.0)) - lgamma(0.5 * dof) - 0.5 * log(dof * 3.141592653589793);
  return exp(log_norm - 0.5 * (dof + 1.0) * log1p(t * t / dof));
}

static double normal_tail(double z, double unused)
{
  (void)unused;
  return 0.5 * erfc(z / sqrt(2.0));
}

static double normal_density(double z, double unused)
{
  (void)unused;
  return exp(-0.5 * z * z) / sqrt(2.0 * 3.141592653589793);
}

/* The t >= 0 beyond which a share `tail` (at most a half) of the distribution lies. */
static double upper_quantile(double tail, double dof, double (*tail_of)(double, double),
                             double (*density)(double, double))
{
  double low = 0.0, high = 1.0;
  while (tail_of(high, dof) > tail && high < DBL_MAX / 4.0) {
    low = high;
    high *= 2.0;
  }
  double t = 0.5 * (low + high);
  for (int step = 0; step < MAX_STEPS && high - low > 4.0 * DBL_EPSILON * high; step++) {
    double excess = tail_of(t, dof) - tail;
    if (excess > 0.0)
      low = t;
    else
      high = t;
    double next = t + excess / density(t, dof);
    bool inside = next > low && next < high;
    if (inside && fabs(next - t) <= 2.0 * DBL_EPSILON * fabs(t))
      return next;
    t = inside ? next : 0.5 * (low + high);
  }
  return t;
}

static double quantile(double p, double dof, double (*tail_of)(double, double),
                       double (*density)(double, double))
{
  if (!(p > 0.0 && p < 1.0))
    return NAN;
  if (p == 0.5)
    return 0.0;
  return p > 0.5 ? upper_quantile(1.0 - p, dof, tail_of, density) : -upper_quantile(p, dof, tail_of, density);
}

double sb_student_quantile(double p, double dof)
{
  return quantile(p, dof, student_tail, student_density);
}

double sb_normal_cdf(double z)
{
  return normal_tail(-z, 0.0);
}

double sb_normal_quantile(double p)
{
  return quantile(p, 0.0, normal_tail, normal_density);
}
