#ifndef SB_STUDENT_H
#define SB_STUDENT_H

/* Student's t distribution and the normal one.
 *
 * P(T > t) = I_x(dof / 2, 1 / 2) / 2 with x = dof / (dof + t^2) for t >= 0; the regularised incomplete beta
 * function I_x(a, b) by its continued fraction (DLMF 8.17.22, evaluated with Lentz's method). Quantiles:
 * Newton's steps on the distribution function, kept inside a bracket. Relative error below 1e-10. */

/* P(|T| >= |t|); dof > 0, any real number. */
double sb_student_two_sided(double t, double dof);

/* The t with P(T <= t) = p; p in (0, 1), NaN outside. */
double sb_student_quantile(double p, double dof);

double sb_normal_cdf(double z);
double sb_normal_quantile(double p);

#endif
