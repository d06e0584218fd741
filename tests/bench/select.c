/* Whether measure/select.h pays: the gaps of a cell (512 requests x 300 chunks, nanoseconds as a paced server gives
 * them), sorted by libc's qsort, by our radix sort, and read at the ranks of a summary by our selection. CPU
 * milliseconds, the best of 20; one JSON object on standard output. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "measure/samples.h"
#include "measure/select.h"

enum { COUNT = 512 * 300, TIMES = 20 };

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void by_qsort(double *values)
{
  qsort(values, COUNT, sizeof *values, ascending);
}

static void by_radix(double *values)
{
  sb_select_sort(values, NULL, COUNT);
}

static void by_selection(double *values)
{
#define RANK(context, name, percent) (uint64_t)((COUNT - 1) * (percent) / 100.0),
  const uint64_t ranks[] = { SB_SUMMARY_PERCENTILES(RANK, ) };
#undef RANK
  double out[sizeof ranks / sizeof *ranks];
  sb_select_ranks(values, NULL, COUNT, ranks, sizeof ranks / sizeof *ranks, out);
}

static double best_ms(void (*run)(double *values), const double *values, double *copy)
{
  int64_t best = INT64_MAX;
  for (int i = 0; i < TIMES; i++) {
    memcpy(copy, values, COUNT * sizeof *copy);
    int64_t cpu = sb_clock_process_cpu();
    run(copy);
    cpu = sb_clock_process_cpu() - cpu;
    best = cpu < best ? cpu : best;
  }
  return (double)best / 1e6;
}

int main(void)
{
  double *values = sb_alloc(COUNT * sizeof *values), *copy = sb_alloc(COUNT * sizeof *copy);
  sb_rng rng;
  sb_rng_init(&rng, 1, 0);
  for (size_t i = 0; i < COUNT; i++)
    values[i] = (double)(int64_t)(10e6 + 2e5 * sb_rng_normal(&rng)) / 1e6;
  printf("{\"values\": %d, \"qsort_ms\": %.3f, \"radix_ms\": %.3f, \"select_ms\": %.3f}\n", (int)COUNT,
         best_ms(by_qsort, values, copy), best_ms(by_radix, values, copy),
         best_ms(by_selection, values, copy));
  free(values);
  free(copy);
  return 0;
}
