#ifndef SB_CHOLESKY_H
#define SB_CHOLESKY_H

#include <stddef.h>

/* Symmetric positive definite systems of some thousand unknowns. A matrix is the lower half of a symmetric one, or a
 * lower factor, row after row: row i holds i + 1 numbers. Each number is a sum in a fixed order, whatever is computed
 * beside it, so the bits are those of the textbook's loops. */

/* Numbers of a matrix of `size` rows. */
size_t sb_triangle_count(size_t size);

double *sb_triangle_row(double *matrix, size_t row);
const double *sb_triangle_row_of(const double *matrix, size_t row);

enum { SB_CHOLESKY_SCRATCH = 8 };

/* Puts the lower factor in the matrix' place. `scratch`: SB_CHOLESKY_SCRATCH * size numbers. Returns 0, or -1 where the
 * matrix is not positive definite; it is spoilt then. */
int sb_cholesky(double *matrix, size_t size, double *scratch);

/* Solves lower x = values, in place. */
void sb_cholesky_forward(const double *lower, size_t size, double *values);

/* Solves (lower lower') x = values, in place. */
void sb_cholesky_solve(const double *lower, size_t size, double *values);

/* The inverse of a lower factor, lower too. */
void sb_cholesky_invert(const double *lower, size_t size, double *inverse);

#endif
