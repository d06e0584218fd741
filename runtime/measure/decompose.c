#include "measure/decompose.h"

#include <math.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "measure/request.h"

/* One pass over a run's gaps; times in ns. */
typedef struct gap_tally {
  const int64_t *first_tokens; /* of all requests, sorted */
  size_t count;
  double clear_ns, clear_gaps, clear_tokens; /* gaps without another request's first token */
  double other_ns, other_gaps, other_tokens;
  double waiting_ns, answering_ns; /* send to first token; first to last */
  double answers;
} gap_tally;

static int by_time(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Whether any request's first token arrived after `from` and not after `to`. The stream's own came at `from`
 * or before. */
static bool prefilled_between(const gap_tally *t, int64_t from, int64_t to)
{
  size_t low = 0, high = t->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (t->first_tokens[middle] <= from)
      low = middle + 1;
    else
      high = middle;
  }
  return low < t->count && t->first_tokens[low] <= to;
}

static void add_gaps(gap_tally *t, const sb_record *record)
{
  sb_timeline_reader reader;
  sb_chunk chunk;
  int64_t before = 0;
  sb_timeline_read(&record->timeline, &reader);
  while (sb_timeline_next(&reader, &chunk)) {
    if (chunk.tokens == 0)
      continue;
    double gap = (double)(chunk.t_ns - before);
    if (before && prefilled_between(t, before, chunk.t_ns)) {
      t->other_ns += gap;
      t->other_gaps++;
      t->other_tokens += chunk.tokens;
    } else if (before) {
      t->clear_ns += gap;
      t->clear_gaps++;
      t->clear_tokens += chunk.tokens;
    }
    before = chunk.t_ns;
  }
}

static bool gather(const sb_run *run, gap_tally *t, int64_t *firsts, int64_t *from, int64_t *to)
{
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    sb_span span;
    sb_record_span(record, &span);
    if (record->outcome != SB_OUTCOME_OK || !span.first_token ||
        !sb_token_source_per_chunk(record->token_source))
      return false;
    firsts[t->count++] = span.first_token;
    t->waiting_ns += (double)(span.first_token - record->t_send);
    t->answering_ns += (double)(span.last_token - span.first_token);
    t->answers++;
    if (i == 0 || record->t_send < *from)
      *from = record->t_send;
    if (span.last_token > *to)
      *to = span.last_token;
  }
  qsort(firsts, t->count, sizeof *firsts, by_time);
  for (uint32_t i = 0; i < run->count; i++)
    add_gaps(t, &run->records[i]);
  return true;
}

bool sb_decode_side_measure(const sb_run *run, double tokens_per_step, bool chunk_is_step,
                            sb_decode_side *side)
{
  if (run->count == 0 || run->concurrency == 0)
    return false;
  int64_t *firsts = sb_alloc(run->count * sizeof *firsts), from = 0, to = 0;
  gap_tally t = { .first_tokens = firsts };
  bool known = gather(run, &t, firsts, &from, &to);
  free(firsts);
  if (!known || t.clear_ns <= 0.0 || to <= from)
    return false;
  /* more streams than requests never existed */
  double streams = run->concurrency < run->count ? run->concurrency : run->count;
  double whole = streams * (double)(to - from);
  double steps_ns = chunk_is_step ? t.clear_ns / t.clear_gaps : t.clear_ns / t.clear_tokens * tokens_per_step;
  double other_steps = chunk_is_step ? t.other_gaps : t.other_tokens / tokens_per_step;
  side->tokens_per_step = tokens_per_step;
  side->step_ms = steps_ns / 1e6 * run->clock_scale;
  side->waiting = t.waiting_ns / whole;
  side->stalled = (t.other_ns - other_steps * steps_ns) / whole;
  side->idle = 1.0 - (t.waiting_ns + t.answering_ns) / whole;
  double decoded = t.clear_tokens + t.other_tokens;
  side->first_tokens = (decoded + t.answers) / decoded;
  return true;
}

static double decoding_share(const sb_decode_side *side)
{
  return 1.0 - side->waiting - side->stalled - side->idle;
}

void sb_decompose(const sb_decode_side *baseline, const sb_decode_side *method, double measured,
                  sb_decomposition *result)
{
  result->tokens = method->tokens_per_step / baseline->tokens_per_step;
  result->step = baseline->step_ms / method->step_ms;
  result->rest =
      decoding_share(method) * method->first_tokens / (decoding_share(baseline) * baseline->first_tokens);
  result->product = result->tokens * result->step * result->rest;
  result->measured = measured;
  result->unexplained = measured / result->product;
}
