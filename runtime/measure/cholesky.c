#include "measure/cholesky.h"

#include <math.h>
#include <string.h>

/* Rows that are computed side by side: their sums do not wait for one another, and what lies above is read once. */
enum { BLOCK = SB_CHOLESKY_SCRATCH };

size_t sb_triangle_count(size_t size)
{
  return size * (size + 1) / 2;
}

double *sb_triangle_row(double *matrix, size_t row)
{
  return matrix + sb_triangle_count(row);
}

const double *sb_triangle_row_of(const double *matrix, size_t row)
{
  return matrix + sb_triangle_count(row);
}

/* One row from column `from` on, where all before it and all above it is done. */
static int finish_row(double *matrix, size_t i, size_t from)
{
  double *row = sb_triangle_row(matrix, i);
  for (size_t j = from; j < i; j++) {
    const double *other = sb_triangle_row_of(matrix, j);
    double sum = row[j];
    for (size_t m = 0; m < j; m++)
      sum -= row[m] * other[m];
    row[j] = sum / other[j];
  }
  double rest = row[i];
  for (size_t m = 0; m < i; m++)
    rest -= row[m] * row[m];
  if (!(rest > 0.0))
    return -1;
  row[i] = sqrt(rest);
  return 0;
}

/* Columns 0 to first - 1 of the rows from `first` on; `panel` has them column after column. */
static void start_block(double *matrix, size_t first, double *panel)
{
  for (size_t j = 0; j < first; j++) {
    const double *other = sb_triangle_row_of(matrix, j);
    double sums[BLOCK];
    for (size_t r = 0; r < BLOCK; r++)
      sums[r] = sb_triangle_row_of(matrix, first + r)[j];
    for (size_t m = 0; m < j; m++)
      for (size_t r = 0; r < BLOCK; r++)
        sums[r] -= panel[m * BLOCK + r] * other[m];
    for (size_t r = 0; r < BLOCK; r++)
      panel[j * BLOCK + r] = sums[r] / other[j];
  }
  for (size_t r = 0; r < BLOCK; r++) {
    double *row = sb_triangle_row(matrix, first + r);
    for (size_t j = 0; j < first; j++)
      row[j] = panel[j * BLOCK + r];
  }
}

int sb_cholesky(double *matrix, size_t size, double *scratch)
{
  for (size_t first = 0; first < size; first += BLOCK) {
    size_t end = first + BLOCK < size ? first + BLOCK : size, done = 0;
    if (end == first + BLOCK) {
      start_block(matrix, first, scratch);
      done = first;
    }
    for (size_t i = first; i < end; i++)
      if (finish_row(matrix, i, done))
        return -1;
  }
  return 0;
}

void sb_cholesky_forward(const double *lower, size_t size, double *values)
{
  for (size_t i = 0; i < size; i++) {
    const double *row = sb_triangle_row_of(lower, i);
    double sum = values[i];
    for (size_t j = 0; j < i; j++)
      sum -= row[j] * values[j];
    values[i] = sum / row[i];
  }
}

void sb_cholesky_solve(const double *lower, size_t size, double *values)
{
  sb_cholesky_forward(lower, size, values);
  for (size_t i = size; i-- > 0;) {
    const double *row = sb_triangle_row_of(lower, i);
    double own = values[i] / row[i];
    values[i] = own;
    for (size_t j = 0; j < i; j++)
      values[j] -= row[j] * own;
  }
}

/* row -= factor * above, over above's `count` numbers */
static void take_away(double *restrict row, double factor, const double *restrict above, size_t count)
{
  for (size_t j = 0; j < count; j++)
    row[j] -= factor * above[j];
}

void sb_cholesky_invert(const double *lower, size_t size, double *inverse)
{
  memset(inverse, 0, sb_triangle_count(size) * sizeof *inverse);
  for (size_t first = 0; first < size; first += BLOCK) {
    size_t end = first + BLOCK < size ? first + BLOCK : size;
    for (size_t m = 0; m < first; m++)
      for (size_t i = first; i < end; i++)
        take_away(sb_triangle_row(inverse, i), sb_triangle_row_of(lower, i)[m],
                  sb_triangle_row_of(inverse, m), m + 1);
    for (size_t i = first; i < end; i++) {
      const double *own = sb_triangle_row_of(lower, i);
      double *row = sb_triangle_row(inverse, i);
      for (size_t m = first; m < i; m++)
        take_away(row, own[m], sb_triangle_row_of(inverse, m), m + 1);
      row[i] = 1.0;
      for (size_t j = 0; j <= i; j++)
        row[j] /= own[i];
    }
  }
}
