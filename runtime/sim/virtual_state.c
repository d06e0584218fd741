#include "sim/virtual_state.h"

#include <stdlib.h>

#include "base/rng.h"
#include "load/token_count.h"
#include "sim/tokens.h"

int64_t sb_sim_virtual_engine_time(sb_sim_virtual *s)
{
  int64_t at = s->now - s->stood_still;
  if (at > s->engine_now)
    s->engine_now = at;
  return s->engine_now;
}

sb_token_source sb_sim_virtual_token_source(const sb_sim_api_request *request)
{
  return request->token_ids                                    ? SB_TOKENS_TOKEN_IDS
         : request->continuous_usage && request->include_usage ? SB_TOKENS_CONTINUOUS_USAGE
                                                               : SB_TOKENS_UNKNOWN;
}

void sb_sim_virtual_begin_answer(sb_record *record, int64_t now)
{
  if (record->http_status)
    return;
  record->http_status = 200;
  record->t_first_byte = now;
}

/* The text of what came of the answer. */
static void keep_text(sb_sim_load *l, sb_record *record, const sb_sim_entry *e)
{
  sb_strbuf_clear(&l->text);
  sb_sim_tokens_text(e->admission.request.prompt_hash, 0, e->tokens, &l->text);
  record->text_hash = sb_hash64(l->text.data, l->text.size, 0);
  if (l->options->stream.keep_text) {
    record->text = sb_strdup(l->text.data ? l->text.data : "");
    record->text_size = l->text.size;
  }
}

void sb_sim_virtual_settle(sb_sim_load *l, sb_record *record, const sb_sim_entry *e)
{
  sb_token_count_settle(&(sb_token_count){ 0 }, record);
  keep_text(l, record, e);
  sb_timeline_pack(&record->timeline, &l->spare[l->spare_count++]);
}
