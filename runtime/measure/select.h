#ifndef SB_SELECT_H
#define SB_SELECT_H

#include <stddef.h>
#include <stdint.h>

/* Numbers by size: none of them NaN, each standing for `weights[i]` equal ones (weights NULL: for itself). A
 * rank counts from 0 in the sorted list written out in full; ranks are given in ascending order. */

/* Sorts the values, and their weights along. */
void sb_select_sort(double *values, uint64_t *weights, size_t count);

/* The values at `n` ranks; `values` are sorted. */
void sb_select_read(const double *values, const uint64_t *weights, const uint64_t *ranks, size_t n,
                    double *out);

/* The same of values in any order, in a fraction of the time that sorting them all takes. May reorder them. */
void sb_select_ranks(double *values, uint64_t *weights, size_t count, const uint64_t *ranks, size_t n,
                     double *out);

#endif
