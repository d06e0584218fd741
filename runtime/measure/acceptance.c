#include "measure/acceptance.h"

/* Whole numbers of steps and tokens, which sums of doubles would take longer to count. */
typedef struct tally {
  uint64_t steps, accepted_tokens;
  uint64_t whole_steps[SB_ACCEPTANCE_POSITIONS + 1]; /* by how many positions they had accepted */
} tally;

/* Which steps are whole depends on what came before them alone, never on what they brought: so it is no bias
 * to count these only. */
static void add(tally *t, const sb_timeline *timeline, uint32_t k)
{
  sb_timeline_reader reader;
  sb_chunk chunk;
  uint64_t before = 0;
  uint32_t most = k < SB_ACCEPTANCE_POSITIONS ? k : SB_ACCEPTANCE_POSITIONS;
  sb_timeline_read(timeline, &reader);
  while (sb_timeline_next(&reader, &chunk)) {
    if (before > 0 && chunk.tokens > 0) {
      uint32_t accepted = chunk.tokens - 1;
      t->steps++;
      t->accepted_tokens += accepted;
      if (timeline->tokens - before > k)
        t->whole_steps[accepted < most ? accepted : most]++;
    }
    before += chunk.tokens;
  }
}

bool sb_acceptance_measure(const sb_run *run, uint32_t k, sb_acceptance *acceptance)
{
  tally t = { 0 };
  *acceptance = (sb_acceptance){ 0 };
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (record->outcome != SB_OUTCOME_OK)
      continue;
    if (!sb_token_source_per_chunk(record->token_source))
      return false;
    add(&t, &record->timeline, k);
  }
  acceptance->steps = (double)t.steps;
  acceptance->accepted_tokens = (double)t.accepted_tokens;
  uint64_t beyond = 0;
  for (int i = SB_ACCEPTANCE_POSITIONS; i > 0; i--) {
    beyond += t.whole_steps[i];
    acceptance->accepted[i - 1] = (double)beyond;
  }
  acceptance->whole_steps = (double)(beyond + t.whole_steps[0]);
  return true;
}
