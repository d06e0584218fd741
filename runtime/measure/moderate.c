#include "measure/moderate.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "measure/student.h"

#define SHARED_LESS 0.5 /* what the common part's degrees of freedom lose, see the header */
#define FIRM 1e9        /* so many degrees of freedom are as good as infinitely many */

/* The derivatives of lgamma from their asymptotic series, which needs an argument that is not small. */
enum { SERIES_FROM = 8 };

static double digamma(double x)
{
  double sum = 0.0;
  for (; x < SERIES_FROM; x += 1.0)
    sum -= 1.0 / x;
  double f = 1.0 / (x * x);
  return sum + log(x) - 0.5 / x - f * (1.0 / 12 - f * (1.0 / 120 - f * (1.0 / 252 - f / 240)));
}

static double trigamma(double x)
{
  double sum = 0.0;
  for (; x < SERIES_FROM; x += 1.0)
    sum += 1.0 / (x * x);
  double f = 1.0 / (x * x);
  return sum + 1.0 / x + f / 2.0 + f / x * (1.0 / 6 - f * (1.0 / 30 - f * (1.0 / 42 - f / 30)));
}

/* The third derivative of digamma. */
static double pentagamma(double x)
{
  double sum = 0.0;
  for (; x < SERIES_FROM; x += 1.0)
    sum += 6.0 / (x * x * x * x);
  double f = 1.0 / (x * x);
  return sum + f / x * (2.0 + 3.0 / x + f * (2.0 - f));
}

static double trigamma_inverse(double y)
{
  double low = 1e-8, high = FIRM;
  if (y <= trigamma(high))
    return high;
  for (int i = 0; i < 80; i++) {
    double middle = sqrt(low * high);
    if (trigamma(middle) > y)
      low = middle;
    else
      high = middle;
  }
  return sqrt(low * high);
}

typedef struct cell {
  size_t index;        /* in the caller's array */
  size_t family, pair; /* of the cells on the same baseline's server; of those on the same two servers */
  size_t known;        /* blocks */
  double *off;         /* its values less their mean; NaN where unknown */
  double rest;         /* the variance of what is left of them without the common part */
} cell;

/* The common part of some cells: one value a block, NaN where none of them was measured. */
typedef struct common {
  size_t cells, pairs, family;
  double *off;
} common;

typedef struct grid {
  size_t blocks, count, pair_count, family_count;
  cell *cells;
  common *pairs, *families;
  double *numbers; /* what all `off` point into */
} grid;

static size_t find_pair(grid *g, const sb_repeated *wanted, const sb_repeated *cells)
{
  for (size_t i = 0; i < g->count; i++) {
    const sb_repeated *known = &cells[g->cells[i].index];
    if (known->baseline == wanted->baseline && known->server == wanted->server)
      return g->cells[i].pair;
  }
  return g->pair_count++;
}

static size_t find_family(grid *g, const sb_repeated *wanted, const sb_repeated *cells)
{
  for (size_t i = 0; i < g->count; i++)
    if (cells[g->cells[i].index].baseline == wanted->baseline)
      return g->cells[i].family;
  return g->family_count++;
}

static size_t known_blocks(const double *values, size_t blocks)
{
  size_t known = 0;
  for (size_t b = 0; b < blocks; b++)
    known += isnan(values[b]) ? 0 : 1;
  return known;
}

/* Plain t over the blocks that are known, which `values` has room for. */
static void plain(const sb_repeated *c, size_t blocks, size_t least, double level, double *values,
                  sb_interval *interval)
{
  size_t known = 0;
  for (size_t b = 0; b < blocks; b++)
    if (!isnan(c->values[b]))
      values[known++] = c->values[b];
  sb_interval_least(values, known, least, level, interval);
}

static void take_in(grid *g, const sb_repeated *cells, size_t index, const sb_interval *interval)
{
  cell *c = &g->cells[g->count];
  *c = (cell){ .index = index,
               .family = find_family(g, &cells[index], cells),
               .pair = find_pair(g, &cells[index], cells),
               .known = interval->count,
               .off = g->numbers + g->count * g->blocks };
  for (size_t b = 0; b < g->blocks; b++)
    c->off[b] = cells[index].values[b] - interval->mean;
  g->count++;
}

/* Adds `off` to the sums of a common part. */
static void gather(const double *off, size_t blocks, double *sums, double *weights)
{
  for (size_t b = 0; b < blocks; b++)
    if (!isnan(off[b])) {
      sums[b] += off[b];
      weights[b] += 1.0;
    }
}

static void average(double *sums, const double *weights, size_t blocks)
{
  for (size_t b = 0; b < blocks; b++)
    sums[b] = weights[b] > 0.0 ? sums[b] / weights[b] : NAN;
}

/* The common parts of pairs, then those of families, which are the means of their pairs. */
static void find_common(grid *g)
{
  size_t all = g->pair_count + g->family_count;
  double *weights = sb_alloc((all * g->blocks + 1) * sizeof *weights);
  double *next = g->numbers + g->count * g->blocks;
  for (size_t i = 0; i < all * g->blocks; i++)
    weights[i] = next[i] = 0.0;
  for (size_t i = 0; i < all; i++) {
    common *one = i < g->pair_count ? &g->pairs[i] : &g->families[i - g->pair_count];
    *one = (common){ .off = next + i * g->blocks };
  }
  for (size_t i = 0; i < g->count; i++) {
    const cell *c = &g->cells[i];
    gather(c->off, g->blocks, g->pairs[c->pair].off, weights + c->pair * g->blocks);
    g->pairs[c->pair].cells++;
    g->pairs[c->pair].family = c->family;
    g->families[c->family].cells++;
  }
  for (size_t p = 0; p < g->pair_count; p++) {
    size_t family = g->pairs[p].family;
    average(g->pairs[p].off, weights + p * g->blocks, g->blocks);
    gather(g->pairs[p].off, g->blocks, g->families[family].off,
           weights + (g->pair_count + family) * g->blocks);
    g->families[family].pairs++;
  }
  for (size_t f = 0; f < g->family_count; f++)
    average(g->families[f].off, weights + (g->pair_count + f) * g->blocks, g->blocks);
  free(weights);
}

/* The part that this cell has in common with others: its pair's, or, where it is alone on its servers, its family's.
 * `share` is how much of that part the cell itself makes up. NULL: it has nobody. */
static const common *common_of(const grid *g, const cell *c, double *share)
{
  const common *pair = &g->pairs[c->pair], *family = &g->families[c->family];
  *share = 1.0 / (double)(pair->cells > 1 ? pair->cells : family->pairs);
  if (pair->cells > 1)
    return pair;
  return family->pairs > 1 ? family : NULL;
}

/* The variance of a cell's rest. A block that it lacks shifts its mean, so the common part's is taken over the blocks
 * that it has. */
static double rest_of(const grid *g, const cell *c)
{
  double share, mean = 0.0, squares = 0.0;
  const common *part = common_of(g, c, &share);
  for (size_t b = 0; b < g->blocks; b++)
    mean += isnan(c->off[b]) ? 0.0 : part->off[b] / (double)c->known;
  for (size_t b = 0; b < g->blocks; b++) {
    double rest = c->off[b] - (part->off[b] - mean);
    squares += isnan(rest) ? 0.0 : rest * rest;
  }
  return squares / ((double)c->known - 1.0) / (1.0 - share);
}

static double square_sum(const double *a, const double *b, size_t blocks)
{
  double sum = 0.0;
  for (size_t i = 0; i < blocks; i++) {
    double value = b ? a[i] - b[i] : a[i];
    sum += isnan(value) ? 0.0 : value * value;
  }
  return sum;
}

/* What a cell has in its variance beside its rest. */
typedef struct shared {
  double variance, dof;
  double chance; /* what the cells' rests alone would have made it */
} shared;

/* Of the baseline's server and, for a cell whose method's server has others too, of that one's. */
static shared shared_of(const grid *g, const cell *c, double rest)
{
  const common *whole = &g->families[c->family];
  double dof = (double)known_blocks(whole->off, g->blocks) - 1.0, pairs = (double)whole->pairs;
  double base = square_sum(whole->off, NULL, g->blocks) / dof, own = 0.0, several = 0.0, inverse = 0.0;
  for (size_t p = 0; p < g->pair_count; p++) {
    if (g->pairs[p].family != c->family)
      continue;
    inverse += 1.0 / (double)g->pairs[p].cells;
    if (g->pairs[p].cells > 1) {
      own += square_sum(g->pairs[p].off, whole->off, g->blocks) / dof;
      several += 1.0;
    }
  }
  shared result = { .variance = base, .dof = dof, .chance = rest * inverse / (pairs * pairs) };
  if (pairs > 1.0 && g->pairs[c->pair].cells > 1) {
    double own_dof = dof * several * (pairs - 1.0) / pairs;
    own /= several;
    result.variance += own;
    result.dof = result.variance * result.variance / (base * base / dof + own * own / own_dof);
    result.chance = rest * inverse / pairs;
  }
  return result;
}

/* Smyth's fit of the prior to the logarithms of the variances. */
static void fit_prior(const grid *g, double *variance, double *dof)
{
  double n = (double)g->count, mean = 0.0, spread = 0.0, expected = 0.0, doubt = 0.0;
  double *logs = sb_alloc(g->count * sizeof *logs);
  for (size_t i = 0; i < g->count; i++) {
    double half = 0.5 * ((double)g->cells[i].known - 1.0);
    /* values that agree to the last bit would have a logarithm without end */
    logs[i] = log(fmax(g->cells[i].rest, 1e-24)) - digamma(half) + log(half);
    mean += logs[i] / n;
    expected += trigamma(half) / n;
    doubt += (pentagamma(half) + 2.0 * trigamma(half) * trigamma(half)) / n;
  }
  for (size_t i = 0; i < g->count; i++)
    spread += (logs[i] - mean) * (logs[i] - mean) / (n - 1.0);
  free(logs);
  double beyond = fmax(spread - expected, 0.0) + sqrt(doubt / n);
  *dof = 2.0 * trigamma_inverse(beyond);
  *variance = exp(mean + digamma(0.5 * *dof) - log(0.5 * *dof));
}

static void moderate(const grid *g, double level, sb_interval *intervals, sb_moderation *moderation)
{
  double pooled_dof = 0.0, rest = 0.0, variance, dof, seen = 0.0;
  for (size_t i = 0; i < g->count; i++) {
    double share;
    g->cells[i].rest = rest_of(g, &g->cells[i]);
    common_of(g, &g->cells[i], &share);
    pooled_dof += ((double)g->cells[i].known - 1.0) * (1.0 - share);
    rest += g->cells[i].rest / (double)g->count;
  }
  fit_prior(g, &variance, &dof);
  for (size_t i = 0; i < g->count; i++) {
    const cell *c = &g->cells[i];
    sb_interval *interval = &intervals[c->index];
    shared part = shared_of(g, c, rest);
    double own_dof = (double)c->known - 1.0;
    double own = (dof * variance + own_dof * c->rest) / (dof + own_dof);
    double total = own + part.variance;
    double weak_dof = part.dof * part.dof / (part.dof + SHARED_LESS);
    double total_dof =
        total * total /
        (own * own / fmin(dof + own_dof, pooled_dof) + part.variance * part.variance / weak_dof);
    sb_interval_of(c->known, interval->mean, sqrt(total), total_dof, level, interval);
    seen += fmax(part.variance - part.chance, 0.0) / (double)g->count;
  }
  *moderation = (sb_moderation){ .cells = g->count,
                                 .servers = g->pair_count,
                                 .prior_sd = sqrt(variance),
                                 .prior_dof = dof,
                                 .shared_sd = sqrt(seen) };
}

/* Whether another cell that can be moderated ran beside the same baseline's server; alone, a cell cannot be taken
 * apart. */
static bool has_company(const sb_repeated *cells, const sb_interval *intervals, size_t count, size_t index)
{
  for (size_t i = 0; i < count; i++)
    if (i != index && cells[i].baseline == cells[index].baseline && !isnan(intervals[i].low))
      return true;
  return false;
}

void sb_moderate(const sb_repeated *cells, size_t count, size_t blocks, size_t least, double level,
                 sb_interval *intervals, sb_moderation *moderation)
{
  *moderation = (sb_moderation){ .prior_sd = NAN, .prior_dof = NAN, .shared_sd = NAN };
  grid g = { .blocks = blocks };
  g.cells = sb_alloc((count + 1) * sizeof *g.cells);
  g.pairs = sb_alloc((count + 1) * sizeof *g.pairs);
  g.families = sb_alloc((count + 1) * sizeof *g.families);
  g.numbers = sb_alloc((3 * count + 1) * (blocks + 1) * sizeof *g.numbers);
  for (size_t i = 0; i < count; i++)
    plain(&cells[i], blocks, least, level, g.numbers, &intervals[i]);
  for (size_t i = 0; i < count; i++)
    if (!isnan(intervals[i].low) && has_company(cells, intervals, count, i))
      take_in(&g, cells, i, &intervals[i]);
  if (g.count >= SB_MODERATED_CELLS) {
    find_common(&g);
    moderate(&g, level, intervals, moderation);
  }
  free(g.cells);
  free(g.pairs);
  free(g.families);
  free(g.numbers);
}
