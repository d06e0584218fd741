#include "measure/acceptance.h"

/* Which steps are whole depends on what came before them alone, never on what they brought: so it is no bias
 * to count these only. */
static void add(sb_acceptance *a, const sb_timeline *timeline, uint32_t k)
{
  sb_timeline_reader reader;
  sb_chunk chunk;
  uint64_t before = 0;
  sb_timeline_read(timeline, &reader);
  while (sb_timeline_next(&reader, &chunk)) {
    if (before > 0 && chunk.tokens > 0) {
      a->steps++;
      a->accepted_tokens += chunk.tokens - 1;
      if (timeline->tokens - before > k) {
        a->whole_steps++;
        for (uint32_t i = 0; i < k && i < SB_ACCEPTANCE_POSITIONS && i + 1 < chunk.tokens; i++)
          a->accepted[i]++;
      }
    }
    before += chunk.tokens;
  }
}

bool sb_acceptance_measure(const sb_run *run, uint32_t k, sb_acceptance *acceptance)
{
  *acceptance = (sb_acceptance){ 0 };
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (record->outcome != SB_OUTCOME_OK)
      continue;
    if (!sb_token_source_per_chunk(record->token_source))
      return false;
    add(acceptance, &record->timeline, k);
  }
  return true;
}
