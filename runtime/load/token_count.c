#include "load/token_count.h"

/* Tokens that came with a count of all tokens so far. */
static uint32_t since_last(sb_token_count *count, int64_t total)
{
  int64_t fresh = total - count->counted;
  if (fresh <= 0)
    return 0;
  count->counted = total;
  return (uint32_t)fresh;
}

/* The source is that of the first event that tells; a total that comes only at the end tells nothing about the
 * chunks before, unless there were none. Whether the source holds for the whole answer is judged at its end. */
static void choose_source(sb_record *record, const sb_oai_event *event, bool event_per_token)
{
  if (record->token_source != SB_TOKENS_UNKNOWN || (event->finish.raw && record->timeline.chunks))
    return;
  if (event->token_ids >= 0)
    record->token_source = SB_TOKENS_TOKEN_IDS;
  else if (event->completion_tokens >= 0)
    record->token_source = SB_TOKENS_CONTINUOUS_USAGE;
  else if (event->predicted_n >= 0)
    record->token_source = SB_TOKENS_TIMINGS;
  else if (event_per_token && event->has_text)
    record->token_source = SB_TOKENS_EVENT_PER_TOKEN;
}

/* How many tokens an event brought. A usage that stands alone is a total and no chunk's; llama.cpp's counter beside
 * it is the engine's own, and the only one to count the bytes of a character that the answer's end cut. */
static uint32_t tokens_of(sb_token_count *count, sb_record *record, const sb_oai_event *event,
                          bool event_per_token)
{
  if (event->has_choice)
    choose_source(record, event, event_per_token);
  else if (record->token_source != SB_TOKENS_TIMINGS)
    return 0;
  switch (record->token_source) {
  case SB_TOKENS_TOKEN_IDS: return event->token_ids > 0 ? (uint32_t)event->token_ids : 0;
  case SB_TOKENS_CONTINUOUS_USAGE: return since_last(count, event->completion_tokens);
  case SB_TOKENS_TIMINGS: return since_last(count, event->predicted_n);
  case SB_TOKENS_EVENT_PER_TOKEN: return event->has_text;
  case SB_TOKENS_UNKNOWN:
  case SB_TOKENS_USAGE_TOTAL: break;
  }
  return 0;
}

uint32_t sb_token_count_add(sb_token_count *count, sb_record *record, const sb_oai_event *event,
                            bool event_per_token)
{
  uint32_t tokens = tokens_of(count, record, event, event_per_token);
  if (event->has_text && !tokens) {
    count->uncounted++;
    count->text_first = count->text_first || !record->timeline.tokens;
  }
  if (event->completion_tokens >= 0)
    count->total_stale = false;
  else if (event->has_text)
    count->total_stale = true;
  return tokens;
}

/* Whether the chunks' counts may stay: where text came uncounted, one event's is made up for by the next one's
 * count, and only if the sum is the total; an engine's word that an event is a token yields to a usage that says
 * otherwise. */
static bool tokens_stand(const sb_token_count *count, const sb_record *record)
{
  bool adds_up = record->timeline.tokens == (uint64_t)record->completion_tokens;
  if (count->text_first || count->uncounted > 1 || (count->uncounted && !adds_up))
    return false;
  return record->token_source != SB_TOKENS_EVENT_PER_TOKEN || record->completion_tokens < 0 || adds_up;
}

/* SGLang counts the token that ended an answer in its last usage only: it has no text, and no event of its own. */
static bool is_end_token(const sb_record *record, uint64_t counted, int64_t total)
{
  return record->finish == SB_FINISH_STOP && (uint64_t)total == counted + 1;
}

/* The server's counts beside each other and beside what was asked for; before chunks' counts are given up. */
static bool tokens_disagree(const sb_token_count *count, const sb_record *record)
{
  uint64_t counted = record->timeline.tokens;
  int64_t total = record->completion_tokens;
  if (record->max_tokens && (counted > record->max_tokens || total > record->max_tokens))
    return true;
  bool told = sb_token_source_per_chunk(record->token_source) && !count->text_first && !count->uncounted;
  return total >= 0 && told && counted != (uint64_t)total && !is_end_token(record, counted, total);
}

void sb_token_count_settle(sb_token_count *count, sb_record *record)
{
  if (count->total_stale)
    record->completion_tokens = -1;
  record->tokens_disagree = tokens_disagree(count, record);
  if (sb_token_source_per_chunk(record->token_source) && !tokens_stand(count, record))
    record->token_source = SB_TOKENS_UNKNOWN;
  if (record->token_source == SB_TOKENS_UNKNOWN && record->completion_tokens >= 0)
    record->token_source = SB_TOKENS_USAGE_TOTAL;
}
