#include "measure_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int64_t start = 1000000000;

int64_t fixture_at(double ms)
{
  return start + (int64_t)(ms * 1e6);
}

void fixture_near(double value, double expected)
{
  if (!(fabs(value - expected) <= 1e-9 * fmax(1.0, fabs(expected))))
    fail_msg("%.12g where %.12g is expected", value, expected);
}

sb_record *fixture_request(sb_run *run, uint32_t i, double send, double done)
{
  sb_record *record = &run->records[i];
  record->t_intended = record->t_send = fixture_at(send);
  record->t_done = fixture_at(done);
  record->token_source = SB_TOKENS_CONTINUOUS_USAGE;
  sb_timeline_reset(&record->timeline, record->t_send);
  return record;
}

void fixture_chunk(sb_record *record, double ms, uint32_t tokens, bool has_text)
{
  sb_timeline_append(&record->timeline, fixture_at(ms), tokens, has_text);
}

sb_run *fixture_small_run(void)
{
  sb_run *run = sb_run_new(4);
  run->concurrency = 2;
  run->t_start = fixture_at(0);
  run->t_end = fixture_at(200);

  sb_record *a = fixture_request(run, 0, 0, 165);
  a->t_intended = fixture_at(-10);
  a->prompt_tokens = 10;
  a->draft_tokens = 8;
  a->accepted_tokens = 4;
  fixture_chunk(a, 50, 0, false); /* the role only */
  fixture_chunk(a, 100, 1, true);
  fixture_chunk(a, 130, 3, true);
  fixture_chunk(a, 150, 2, false); /* tokens whose text is still held back */
  fixture_chunk(a, 160, 0, true);  /* that text */

  sb_record *b = fixture_request(run, 1, 20, 61);
  b->prompt_tokens = 20;
  fixture_chunk(b, 60, 1, true);

  sb_record *c = fixture_request(run, 2, 61, 190);
  c->prompt_tokens = 30;
  c->draft_tokens = 6;
  c->accepted_tokens = 3;
  fixture_chunk(c, 101, 2, true);
  fixture_chunk(c, 181, 4, true);

  sb_record *d = fixture_request(run, 3, 165, 200);
  d->outcome = SB_OUTCOME_TRUNCATED;
  d->prompt_tokens = 1000;
  fixture_chunk(d, 175, 100, true);
  return run;
}

sb_run *fixture_full_run(void)
{
  sb_run *run = fixture_small_run();
  run->wall_anchor_ns = 1790000000123456789;
  run->clock_anchor_ns = 999999999;
  run->clock_scale = 0.1;
  run->records[0].text = strdup("not kept here");
  run->records[0].text_hash = UINT64_MAX;
  run->records[0].http_status = 200;
  run->records[0].finish = SB_FINISH_LENGTH;
  run->records[1].t_first_byte = fixture_at(55);
  run->records[3].error = strdup("the stream ended \"early\"");
  run->records[3].bytes = UINT64_MAX;
  run->chat = true;
  run->records[0].max_tokens = UINT32_MAX;
  run->records[0].tokens_disagree = true;
  run->records[3].resent = true;
  sb_timeline_reset(&run->records[0].others, run->records[0].t_send);
  sb_timeline_append(&run->records[0].others, fixture_at(90), 0, false);
  sb_timeline_append(&run->records[0].others, fixture_at(200), run->records[0].timeline.chunks, true);
  return run;
}
