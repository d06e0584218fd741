#include "record.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"
#include "base/strbuf.h"

/* A negative number is one that is not known: the field stays absent. */
static void set_known(lua_State *L, const char *name, int64_t value)
{
  if (value < 0)
    return;
  sbl_set_integer(L, name, value);
}

static void set_string(lua_State *L, const char *name, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_bytes(lua_State *L, const char *name, const char *bytes, size_t size)
{
  lua_pushlstring(L, bytes, size);
  lua_setfield(L, -2, name);
}

static void push_chunks(lua_State *L, const sb_record *record)
{
  sb_timeline_reader reader;
  sb_chunk chunk;
  lua_createtable(L, (int)record->timeline.chunks, 0);
  sb_timeline_read(&record->timeline, &reader);
  for (lua_Integer i = 1; sb_timeline_next(&reader, &chunk); i++) {
    lua_createtable(L, 0, 3);
    set_known(L, "t", chunk.t_ns);
    set_known(L, "tokens", chunk.tokens);
    lua_pushboolean(L, chunk.has_text);
    lua_setfield(L, -2, "has_text");
    lua_rawseti(L, -2, i);
  }
}

/* Events that are no chunks: { t, chunks (that came before it), is_end ([DONE]) } */
static void push_others(lua_State *L, const sb_record *record)
{
  sb_timeline_reader reader;
  sb_chunk other;
  lua_Integer before = 0;
  lua_createtable(L, (int)record->others.chunks, 0);
  sb_timeline_read(&record->others, &reader);
  for (lua_Integer i = 1; sb_timeline_next(&reader, &other); i++) {
    before += other.tokens;
    lua_createtable(L, 0, 3);
    set_known(L, "t", other.t_ns);
    set_known(L, "chunks", before);
    lua_pushboolean(L, other.has_text);
    lua_setfield(L, -2, "is_end");
    lua_rawseti(L, -2, i);
  }
}

void sbl_push_record(lua_State *L, const sb_record *record)
{
  lua_newtable(L);
  set_known(L, "id", record->id);
  set_known(L, "prompt_id", record->prompt_id);
  set_known(L, "t_intended", record->t_intended);
  set_known(L, "t_send", record->t_send);
  set_known(L, "t_first_byte", record->t_first_byte);
  set_known(L, "t_done", record->t_done);
  set_known(L, "http_status", record->http_status);
  if (record->max_tokens)
    set_known(L, "max_tokens", record->max_tokens);
  lua_pushboolean(L, record->tokens_disagree);
  lua_setfield(L, -2, "tokens_disagree");
  lua_pushboolean(L, record->resent);
  lua_setfield(L, -2, "resent");
  set_known(L, "prompt_tokens", record->prompt_tokens);
  set_known(L, "data_prompt_tokens", record->data_prompt_tokens);
  set_known(L, "completion_tokens", record->completion_tokens);
  set_known(L, "cached_tokens", record->cached_tokens);
  set_known(L, "draft_tokens", record->draft_tokens);
  set_known(L, "accepted_tokens", record->accepted_tokens);
  set_known(L, "tokens", sb_record_tokens(record));
  set_string(L, "outcome", sb_outcome_name(record->outcome));
  set_string(L, "finish_reason", sb_finish_name(record->finish));
  set_string(L, "token_source", sb_token_source_name(record->token_source));
  if (record->error)
    set_string(L, "error", record->error);
  if (record->text)
    set_bytes(L, "text", record->text, record->text_size);
  push_chunks(L, record);
  lua_setfield(L, -2, "chunks");
  push_others(L, record);
  lua_setfield(L, -2, "others");
}

int sbl_push_outputs(lua_State *L, const sb_run *run)
{
  sb_strbuf *out = sbl_push_buffer(L);
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (!record->text)
      continue;
    sb_strbuf_printf(out, "{\"id\": %" PRIu32 ", \"prompt_id\": %" PRIu32 ", \"text\": ", i,
                     record->prompt_id);
    sb_json_put_string(out, record->text, record->text_size);
    sb_strbuf_puts(out, "}\n");
  }
  if (!out->size)
    sb_strbuf_putc(out, '\n');
  return sbl_push_text(L, out);
}

static bool same_text(const sb_record *a, const sb_record *b)
{
  if (!a->text || !b->text)
    return a->text == b->text;
  return a->prompt_id == b->prompt_id && a->text_size == b->text_size &&
         memcmp(a->text, b->text, a->text_size) == 0;
}

bool sbl_same_outputs(const sb_run *a, const sb_run *b)
{
  bool same = a->count == b->count;
  for (uint32_t i = 0; same && i < a->count; i++)
    same = same_text(&a->records[i], &b->records[i]);
  return same;
}
