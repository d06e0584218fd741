#ifndef SB_PAIRED_H
#define SB_PAIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/record.h"

/* The prompts that a baseline and a method both answered, one by one: what `paired`, the within-run bootstrap
 * and the audit of losslessness stand on. */

typedef struct sb_pair {
  const sb_record *baseline, *method; /* borrowed from the runs */
  double log_ratio; /* ln(baseline's / method's time from t_send to the chunk that holds token m), m = the
                        shorter of the two outputs; NaN where a side does not tell tokens chunk by chunk */
} sb_pair;

typedef struct sb_pairs {
  sb_pair *items; /* in the order of prompt ids */
  size_t count;
  size_t baseline_only, method_only; /* completed prompts that the other side did not have or complete */
  size_t timed;                      /* pairs with a log_ratio */
  size_t identical;                  /* pairs whose answers' texts are the same, by hash */
} sb_pairs;

/* Pairs the completed requests by prompt_id; where a prompt was sent several times, the first with the first,
 * and so on. Both runs must outlive the pairs. */
void sb_pairs_make(const sb_run *baseline, const sb_run *method, sb_pairs *pairs);
void sb_pairs_deinit(sb_pairs *pairs);

/* `paired` of one repeat: the mean of the log ratios (the logarithm of their geometric mean). NaN where a
 * pair has none, because the rest would be a choice of prompts. */
double sb_pairs_log_ratio(const sb_pairs *pairs);

/* How far prompts differ in their log ratios, from repeats that all sent the same ones. */
typedef struct sb_prompt_spread {
  size_t prompts;
  double
      variance; /* between prompts, less what the repeats' noise puts into their means; NaN below two prompts */
} sb_prompt_spread;

/* False where the repeats' prompts are not the same, by prompt id and how often each was sent, or one is not timed. */
bool sb_pairs_spread(const sb_pairs *repeats, size_t count, sb_prompt_spread *spread);

#endif
