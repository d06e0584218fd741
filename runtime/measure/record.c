#include "measure/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

sb_run *sb_run_new(uint32_t count)
{
  sb_run *run = sb_calloc(1, sizeof *run);
  run->records = sb_calloc(count, sizeof *run->records);
  run->count = count;
  run->clock_scale = 1.0;
  run->events_known = true;
  for (uint32_t i = 0; i < count; i++) {
    sb_record *record = &run->records[i];
    record->id = i;
    record->prompt_tokens = record->completion_tokens = record->cached_tokens = -1;
    record->data_prompt_tokens = record->draft_tokens = record->accepted_tokens = -1;
  }
  return run;
}

void sb_run_free(sb_run *run)
{
  if (!run)
    return;
  for (uint32_t i = 0; i < run->count; i++)
    sb_record_deinit(&run->records[i]);
  free(run->records);
  free(run);
}

void sb_record_deinit(sb_record *record)
{
  free(record->error);
  free(record->text);
  sb_timeline_deinit(&record->timeline);
  sb_timeline_deinit(&record->others);
  record->error = record->text = NULL;
}

enum { TELLING = 4 }; /* so much of a secret's beginning is none yet */

static void overwrite(char *text, size_t text_size, const char *secret, size_t size)
{
  char *end = text + text_size;
  for (char *at = text; (at = memmem(at, (size_t)(end - at), secret, size)); at += size)
    memset(at, '*', size);
  for (size_t part = size - 1; part >= TELLING; part--)
    if (part <= text_size && !memcmp(end - part, secret, part))
      memset(end - part, '*', part);
}

void sb_run_redact(sb_run *run, const char *secret, size_t size)
{
  for (uint32_t i = 0; size && i < run->count; i++) {
    sb_record *record = &run->records[i];
    if (record->error)
      overwrite(record->error, strlen(record->error), secret, size);
    if (record->text)
      overwrite(record->text, record->text_size, secret, size);
  }
}

bool sb_token_source_per_chunk(sb_token_source source)
{
  return source >= SB_TOKENS_CONTINUOUS_USAGE && source <= SB_TOKENS_EVENT_PER_TOKEN;
}

int64_t sb_record_tokens(const sb_record *record)
{
  if (sb_token_source_per_chunk(record->token_source))
    return (int64_t)record->timeline.tokens;
  return record->completion_tokens >= 0 ? record->completion_tokens : -1;
}

int64_t sb_record_prompt_tokens(const sb_record *record)
{
  return record->data_prompt_tokens >= 0 ? record->data_prompt_tokens : record->prompt_tokens;
}

const char *sb_token_source_name(sb_token_source source)
{
  switch (source) {
  case SB_TOKENS_UNKNOWN: break;
  case SB_TOKENS_CONTINUOUS_USAGE: return "continuous_usage";
  case SB_TOKENS_TOKEN_IDS: return "token_ids";
  case SB_TOKENS_TIMINGS: return "timings";
  case SB_TOKENS_EVENT_PER_TOKEN: return "event_per_token";
  case SB_TOKENS_USAGE_TOTAL: return "usage_total";
  }
  return "unknown";
}

const char *sb_outcome_name(sb_outcome outcome)
{
  switch (outcome) {
  case SB_OUTCOME_OK: return "ok";
  case SB_OUTCOME_CONNECT: return "connect";
  case SB_OUTCOME_HTTP: return "http";
  case SB_OUTCOME_BODY: return "body";
  case SB_OUTCOME_TRUNCATED: return "truncated";
  case SB_OUTCOME_EVENT: return "event";
  case SB_OUTCOME_SILENCE: return "silence";
  case SB_OUTCOME_TIMEOUT: return "timeout";
  case SB_OUTCOME_CANCELED: return "canceled";
  }
  return "unknown";
}

const char *sb_finish_name(sb_finish finish)
{
  switch (finish) {
  case SB_FINISH_NONE: return "none";
  case SB_FINISH_STOP: return "stop";
  case SB_FINISH_LENGTH: return "length";
  case SB_FINISH_OTHER: return "other";
  }
  return "unknown";
}
