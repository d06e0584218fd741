#include "measure/paired.h"

#include <math.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "measure/request.h"

typedef struct answer_list {
  const sb_record **items;
  size_t count;
} answer_list;

static int by_prompt(const void *a, const void *b)
{
  const sb_record *x = *(const sb_record *const *)a, *y = *(const sb_record *const *)b;
  if (x->prompt_id != y->prompt_id)
    return x->prompt_id < y->prompt_id ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

static answer_list completed(const sb_run *run)
{
  answer_list list = { .items = sb_alloc((run->count + 1) * sizeof *list.items) };
  for (uint32_t i = 0; i < run->count; i++)
    if (run->records[i].outcome == SB_OUTCOME_OK)
      list.items[list.count++] = &run->records[i];
  qsort(list.items, list.count, sizeof *list.items, by_prompt);
  return list;
}

static double log_ratio(const sb_pair *pair, double baseline_scale, double method_scale)
{
  int64_t baseline = sb_record_tokens(pair->baseline), method = sb_record_tokens(pair->method);
  int64_t shorter = baseline < method ? baseline : method;
  if (shorter < 1)
    return NAN;
  double before = sb_record_time_to_token_ms(pair->baseline, (uint64_t)shorter, baseline_scale);
  double after = sb_record_time_to_token_ms(pair->method, (uint64_t)shorter, method_scale);
  return before > 0.0 && after > 0.0 ? log(before / after) : NAN;
}

static void add(sb_pairs *pairs, sb_pair pair, double baseline_scale, double method_scale)
{
  pair.log_ratio = log_ratio(&pair, baseline_scale, method_scale);
  pairs->timed += isnan(pair.log_ratio) ? 0 : 1;
  pairs->identical += pair.baseline->text_hash == pair.method->text_hash;
  pairs->items[pairs->count++] = pair;
}

void sb_pairs_make(const sb_run *baseline, const sb_run *method, sb_pairs *pairs)
{
  answer_list a = completed(baseline), b = completed(method);
  *pairs = (sb_pairs){ .items = sb_alloc((a.count + 1) * sizeof *pairs->items) };
  size_t i = 0, k = 0;
  while (i < a.count && k < b.count) {
    uint32_t left = a.items[i]->prompt_id, right = b.items[k]->prompt_id;
    if (left < right) {
      pairs->baseline_only++;
      i++;
    } else if (left > right) {
      pairs->method_only++;
      k++;
    } else {
      add(pairs, (sb_pair){ .baseline = a.items[i++], .method = b.items[k++] }, baseline->clock_scale,
          method->clock_scale);
    }
  }
  pairs->baseline_only += a.count - i;
  pairs->method_only += b.count - k;
  free(a.items);
  free(b.items);
}

void sb_pairs_deinit(sb_pairs *pairs)
{
  free(pairs->items);
  *pairs = (sb_pairs){ 0 };
}

double sb_pairs_log_ratio(const sb_pairs *pairs)
{
  if (pairs->count == 0 || pairs->timed < pairs->count)
    return NAN;
  double sum = 0.0;
  for (size_t i = 0; i < pairs->count; i++)
    sum += pairs->items[i].log_ratio;
  return sum / (double)pairs->count;
}

static bool same_prompts(const sb_pairs *a, const sb_pairs *b)
{
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (a->items[i].baseline->prompt_id != b->items[i].baseline->prompt_id)
      return false;
  return true;
}

bool sb_pairs_spread(const sb_pairs *repeats, size_t count, sb_prompt_spread *spread)
{
  *spread = (sb_prompt_spread){ .prompts = count ? repeats[0].count : 0, .variance = NAN };
  for (size_t r = 0; r < count; r++)
    if (!same_prompts(&repeats[0], &repeats[r]) || repeats[r].timed < repeats[r].count)
      return false;
  if (spread->prompts < 2)
    return count > 0;
  double n = (double)spread->prompts, all = 0.0, between = 0.0, within = 0.0;
  double *means = sb_alloc(spread->prompts * sizeof *means);
  for (size_t i = 0; i < spread->prompts; i++) {
    means[i] = 0.0;
    for (size_t r = 0; r < count; r++)
      means[i] += repeats[r].items[i].log_ratio / (double)count;
    all += means[i] / n;
  }
  /* a repeat's own level moves all of its prompts and says nothing of how they differ */
  for (size_t r = 0; r < count; r++) {
    double level = sb_pairs_log_ratio(&repeats[r]) - all;
    for (size_t i = 0; i < spread->prompts; i++) {
      double rest = repeats[r].items[i].log_ratio - level - means[i];
      within += rest * rest;
    }
  }
  for (size_t i = 0; i < spread->prompts; i++)
    between += (means[i] - all) * (means[i] - all) / (n - 1.0);
  free(means);
  if (count > 1)
    between -= within / ((n - 1.0) * ((double)count - 1.0)) / (double)count;
  spread->variance = fmax(between, 0.0);
  return true;
}
