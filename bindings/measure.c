#include <math.h>

#include "base/strbuf.h"
#include "figures.h"
#include "record.h"
#include "run.h"
#include "store/records.h"

/* sb.measure: runs, the records of one load. What is computed from them: figures.c. */

static sb_run *check_run(lua_State *L)
{
  return sbl_check_run(L, 1);
}

/* The record of request i, the argument at index 2, counted from 1. */
static const sb_record *check_record(lua_State *L)
{
  sb_run *run = check_run(L);
  lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= (lua_Integer)run->count, 2, "no such request");
  return &run->records[i - 1];
}

/* request(i) -> a table of what is known of request i (from 1), its chunks among it */
static int request(lua_State *L)
{
  sbl_push_record(L, check_record(L));
  return 1;
}

/* text(i) -> the answer's text (nil where texts were not kept) and its prompt's id */
static int text(lua_State *L)
{
  const sb_record *record = check_record(L);
  if (record->text)
    lua_pushlstring(L, record->text, record->text_size);
  else
    lua_pushnil(L);
  lua_pushinteger(L, record->prompt_id);
  return 2;
}

/* outputs() -> the kept texts */
static int outputs(lua_State *L)
{
  return sbl_push_outputs(L, check_run(L));
}

/* same_outputs(other) -> whether outputs() of both is the same */
static int same_outputs(lua_State *L)
{
  lua_pushboolean(L, sbl_same_outputs(check_run(L), sbl_check_run(L, 2)));
  return 1;
}

/* #run: how many requests it has */
static int length(lua_State *L)
{
  lua_pushinteger(L, check_run(L)->count);
  return 1;
}

/* chunks() -> how many chunks all answers together had */
static int chunks(lua_State *L)
{
  sb_run *run = check_run(L);
  lua_Integer sum = 0;
  for (uint32_t i = 0; i < run->count; i++)
    sum += run->records[i].timeline.chunks;
  lua_pushinteger(L, sum);
  return 1;
}

/* resent() -> how many requests were sent twice */
static int resent(lua_State *L)
{
  const sb_run *run = check_run(L);
  lua_Integer count = 0;
  for (uint32_t i = 0; i < run->count; i++)
    count += run->records[i].resent;
  lua_pushinteger(L, count);
  return 1;
}

/* failures() -> { ["outcome: error"] = how many requests ended so } */
static int failures(lua_State *L)
{
  sb_run *run = check_run(L);
  lua_newtable(L);
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (record->outcome == SB_OUTCOME_OK)
      continue;
    lua_pushfstring(L, "%s: %s", sb_outcome_name(record->outcome), record->error ? record->error : "");
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    lua_Integer seen = lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_pushinteger(L, seen + 1);
    lua_rawset(L, -3);
  }
  return 1;
}

static int encode_by(lua_State *L, int (*write)(const sb_run *, sb_strbuf *))
{
  sb_run *run = check_run(L);
  sb_strbuf *out = sbl_push_buffer(L);
  if (write(run, out))
    return luaL_error(L, "the run's records cannot be written: they are damaged");
  return sbl_push_text(L, out);
}

static int encode(lua_State *L)
{
  return encode_by(L, sb_records_write);
}

static int encode_rounded(lua_State *L)
{
  return encode_by(L, sb_records_write_rounded);
}

static int to_jsonl(lua_State *L)
{
  sb_run *run = check_run(L);
  sb_strbuf *out = sbl_push_buffer(L);
  sb_records_to_jsonl(run, out);
  return sbl_push_text(L, out);
}

/* redact(secrets): their bytes in answers and errors become asterisks, before anything is written */
static int redact(lua_State *L)
{
  sb_run *run = check_run(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
  for (lua_Integer k = 1; k <= count; k++) {
    size_t size;
    lua_rawgeti(L, 2, k);
    const char *secret = luaL_checklstring(L, -1, &size);
    sb_run_redact(run, secret, size);
    lua_pop(L, 1);
  }
  return 0;
}

static int set_clock_scale(lua_State *L)
{
  sbl_run_box *box = sbl_check_run_box(L, 1);
  double scale = luaL_checknumber(L, 2);
  luaL_argcheck(L, scale > 0 && isfinite(scale), 2, "a clock's scale is a positive number");
  box->run->clock_scale = scale;
  sbl_forget_latencies(box);
  return 0;
}

/* decode(bytes) -> run, or nil, message, code */
static int decode(lua_State *L)
{
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  sb_err err;
  sb_run **run = sbl_push_run(L);
  *run = sb_records_parse(data, size, &err);
  return *run ? sbl_give_run(L, *run) : sbl_fail(L, &err);
}

/* check(bytes) -> true, or nil, message, code */
static int check(lua_State *L)
{
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  sb_err err;
  if (sb_records_check(data, size, &err))
    return sbl_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

int sbl_open_measure(lua_State *L)
{
  static const luaL_Reg methods[] = { { "request", request },
                                      { "text", text },
                                      { "outputs", outputs },
                                      { "same_outputs", same_outputs },
                                      { "failures", failures },
                                      { "resent", resent },
                                      { "chunks", chunks },
                                      { "encode", encode },
                                      { "encode_rounded", encode_rounded },
                                      { "jsonl", to_jsonl },
                                      { "redact", redact },
                                      { "set_clock_scale", set_clock_scale },
                                      { "__len", length },
                                      { "__gc", sbl_free_run },
                                      { NULL, NULL } };
  static const luaL_Reg functions[] = { { "decode", decode }, { "check", check }, { NULL, NULL } };
  sbl_type(L, SBL_RUN_TYPE, methods);
  luaL_getmetatable(L, SBL_RUN_TYPE);
  luaL_setfuncs(L, sbl_figure_methods, 0);
  luaL_newlib(L, functions);
  luaL_setfuncs(L, sbl_figure_functions, 0);
  return 1;
}
