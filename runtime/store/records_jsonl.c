#include "store/records.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"

static void put_key(sb_strbuf *out, const char *key)
{
  sb_strbuf_printf(out, ", \"%s\": ", key);
}

static void put_time(sb_strbuf *out, const char *key, int64_t time, int64_t start)
{
  put_key(out, key);
  if (time)
    sb_json_put_int(out, time - start);
  else
    sb_strbuf_puts(out, "null");
}

static void put_count(sb_strbuf *out, const char *key, int64_t count)
{
  put_key(out, key);
  if (count >= 0)
    sb_json_put_int(out, count);
  else
    sb_strbuf_puts(out, "null");
}

static void put_text(sb_strbuf *out, const char *key, const char *text)
{
  put_key(out, key);
  if (text)
    sb_json_put_string(out, text, strlen(text));
  else
    sb_strbuf_puts(out, "null");
}

static void put_chunks(sb_strbuf *out, const sb_timeline *timeline, int64_t start)
{
  put_key(out, "chunks");
  sb_strbuf_putc(out, '[');
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(timeline, &reader);
  for (const char *separator = ""; sb_timeline_next(&reader, &chunk); separator = ", ")
    sb_strbuf_printf(out, "%s[%" PRId64 ", %" PRIu32 ", %s]", separator, chunk.t_ns - start, chunk.tokens,
                     chunk.has_text ? "true" : "false");
  sb_strbuf_putc(out, ']');
}

/* null where an earlier version wrote the file */
static void put_others(sb_strbuf *out, const sb_run *run, const sb_timeline *others)
{
  put_key(out, "others");
  if (!run->events_known) {
    sb_strbuf_puts(out, "null");
    return;
  }
  sb_strbuf_putc(out, '[');
  sb_timeline_reader reader;
  sb_chunk other;
  uint64_t chunks = 0;
  sb_timeline_read(others, &reader);
  for (const char *separator = ""; sb_timeline_next(&reader, &other); separator = ", ") {
    chunks += other.tokens;
    sb_strbuf_printf(out, "%s[%" PRId64 ", %" PRIu64 ", %s]", separator, other.t_ns - run->t_start, chunks,
                     other.has_text ? "true" : "false");
  }
  sb_strbuf_putc(out, ']');
}

static void put_record(sb_strbuf *out, const sb_run *run, const sb_record *record)
{
  int64_t start = run->t_start;
  sb_strbuf_printf(out, "{\"id\": %" PRIu32 ", \"prompt_id\": %" PRIu32, record->id, record->prompt_id);
  put_time(out, "t_intended_ns", record->t_intended, start);
  put_time(out, "t_send_ns", record->t_send, start);
  put_time(out, "t_first_byte_ns", record->t_first_byte, start);
  put_time(out, "t_done_ns", record->t_done, start);
  put_key(out, "http_status");
  sb_json_put_int(out, record->http_status);
  put_text(out, "outcome", sb_outcome_name(record->outcome));
  put_text(out, "finish_reason", sb_finish_name(record->finish));
  put_text(out, "error", record->error);
  put_text(out, "token_source", sb_token_source_name(record->token_source));
  put_count(out, "tokens", sb_record_tokens(record));
  put_key(out, "tokens_disagree");
  sb_strbuf_puts(out, record->tokens_disagree ? "true" : "false");
  if (record->resent)
    sb_strbuf_puts(out, ", \"resent\": true");
  put_count(out, "max_tokens", record->max_tokens ? (int64_t)record->max_tokens : -1);
  put_count(out, "prompt_tokens", record->prompt_tokens);
  put_count(out, "completion_tokens", record->completion_tokens);
  put_count(out, "cached_tokens", record->cached_tokens);
  put_count(out, "draft_tokens", record->draft_tokens);
  put_count(out, "accepted_tokens", record->accepted_tokens);
  /* as text: JSON readers that hold numbers as doubles would lose its low bits */
  sb_strbuf_printf(out, ", \"text_hash\": \"%016" PRIx64 "\", \"bytes\": %" PRIu64, record->text_hash,
                   record->bytes);
  put_chunks(out, &record->timeline, start);
  put_others(out, run, &record->others);
  sb_strbuf_puts(out, "}\n");
}

void sb_records_to_jsonl(const sb_run *run, sb_strbuf *out)
{
  for (uint32_t i = 0; i < run->count; i++)
    put_record(out, run, &run->records[i]);
}
