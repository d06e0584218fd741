#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "measure/acceptance.h"
#include "measure/metrics.h"
#include "measure/tail.h"
#include "record.h"
#include "store/records.h"

/* sb.measure: runs (the records of one load) and the figures computed from them. */

#define TYPE "specbench.run"
#define TAIL_LEVEL 0.95 /* of the bounds of a percentile */

typedef struct run_box {
  sb_run *run;
  sb_latencies latencies; /* once a percentile was asked for */
  bool gathered;
} run_box;

/* One that Lua has collected may still be met, in another finalizer. */
static run_box *check_box(lua_State *L, int index)
{
  run_box *box = luaL_checkudata(L, index, TYPE);
  luaL_argcheck(L, box->run, index, "the run was collected");
  return box;
}

sb_run *sbl_check_run(lua_State *L, int index)
{
  return check_box(L, index)->run;
}

static sb_run *check_run(lua_State *L)
{
  return sbl_check_run(L, 1);
}

sb_run **sbl_push_run(lua_State *L)
{
  run_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (run_box){ 0 };
  luaL_setmetatable(L, TYPE);
  return &box->run;
}

static void forget_latencies(run_box *box)
{
  sb_latencies_deinit(&box->latencies);
  box->gathered = false;
}

/* Those of the run that is the first argument. */
static sb_latencies *latencies_of(lua_State *L)
{
  run_box *box = check_box(L, 1);
  if (!box->gathered) {
    forget_latencies(box);
    sb_latencies_gather(&box->latencies, box->run);
  }
  box->gathered = true;
  return &box->latencies;
}

/* What a run takes, roughly. */
static size_t bytes_of(const sb_run *run)
{
  size_t bytes = run->count * sizeof *run->records;
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    bytes += record->timeline.capacity + record->others.capacity + record->text_size;
  }
  return bytes;
}

int sbl_give_run(lua_State *L, const sb_run *run)
{
  /* to the collector a run is a pointer: without its weight thousands of them would wait for their end */
  lua_gc(L, LUA_GCSTEP, (int)(bytes_of(run) / 1024) + 1);
  return 1;
}

static int free_run(lua_State *L)
{
  run_box *box = luaL_checkudata(L, 1, TYPE);
  forget_latencies(box);
  sb_run_free(box->run);
  box->run = NULL;
  return 0;
}

/* A figure as Lua sees it: absent ones are absent, whole ones are integers, flags are booleans. */
static void push_figure(lua_State *L, const sb_metric_entry *entry)
{
  if (entry->kind == SB_METRIC_FLAG)
    lua_pushboolean(L, entry->value != 0);
  else if (entry->kind == SB_METRIC_INTEGER)
    lua_pushinteger(L, (lua_Integer)entry->value);
  else
    lua_pushnumber(L, entry->value);
}

static void push_figures(lua_State *L, const sb_metric_entry *entries, size_t count)
{
  lua_createtable(L, 0, (int)count);
  for (size_t i = 0; i < count; i++)
    if (!isnan(entries[i].value)) {
      push_figure(L, &entries[i]);
      lua_setfield(L, -2, entries[i].name);
    }
}

/* What the run's latencies say of a percentile far out: see sb.Tail. */
static void push_tail(lua_State *L, sb_latencies *latencies, double percent)
{
  uint64_t requests = latencies->e2el_ms.total, needs = sb_tail_needs(percent);
  sb_tail bounds = sb_tail_bounds(percent, requests, TAIL_LEVEL);
  const char *names[2];
  double percents[2], values[SB_LATENCY_COUNT][SB_PERCENTILES];
  size_t known = 0;
  if (!isnan(bounds.low)) {
    names[known] = "low";
    percents[known++] = bounds.low;
  }
  if (!isnan(bounds.high)) {
    names[known] = "high";
    percents[known++] = bounds.high;
  }
  sb_latencies_percentiles(latencies, percents, known, values);
  lua_createtable(L, 0, 4);
  sbl_set_integer(L, "requests", (lua_Integer)requests);
  sbl_set_integer(L, "needs", (lua_Integer)needs);
  lua_pushboolean(L, requests >= needs);
  lua_setfield(L, -2, "carried");
  lua_createtable(L, 0, SB_LATENCY_COUNT);
#define SB_SET(name)                                           \
  lua_createtable(L, 0, 2);                                    \
  for (size_t i = 0; i < known; i++)                           \
    sbl_set_number(L, names[i], values[SB_LATENCY_##name][i]); \
  lua_setfield(L, -2, #name);
  SB_LATENCIES(SB_SET)
#undef SB_SET
  lua_setfield(L, -2, "bounds");
}

static double check_tail(lua_State *L, int index, int argument)
{
  double percent = luaL_checknumber(L, index);
  luaL_argcheck(L, percent > 0 && percent < 100, argument, "a percentile lies between 0 and 100");
  return percent;
}

/* metrics({ ttft = ms, tpot = ms, e2el = ms }?, tails?) -> { [name] = value }, and a list of tails, one for each percent
 * of `tails` */
static int metrics(lua_State *L)
{
  run_box *box = check_box(L, 1);
  sb_slo slo = { -1, -1, -1 };
  if (!lua_isnoneornil(L, 2)) {
    static const char *const known[] = { "ttft", "tpot", "e2el", NULL };
    luaL_checktype(L, 2, LUA_TTABLE);
    sbl_only_fields(L, 2, known, "ttft, tpot, e2el");
    slo.ttft_ms = sbl_opt_number_field(L, 2, "ttft", -1);
    slo.tpot_ms = sbl_opt_number_field(L, 2, "tpot", -1);
    slo.e2el_ms = sbl_opt_number_field(L, 2, "e2el", -1);
  }
  lua_settop(L, 3);
  if (!lua_isnil(L, 3))
    luaL_checktype(L, 3, LUA_TTABLE);
  bool with_tails = !lua_isnil(L, 3);
  sb_metrics figures;
  if (with_tails) {
    forget_latencies(box);
    sb_metrics_and_latencies(box->run, &slo, &figures, &box->latencies);
  } else {
    sb_metrics_compute(box->run, &slo, &figures);
  }
  size_t count = sb_metrics_list(&figures, NULL, 0);
  sb_metric_entry *entries = lua_newuserdatauv(L, count * sizeof *entries, 0);
  sb_metrics_list(&figures, entries, count);
  push_figures(L, entries, count);
  if (!with_tails)
    return 1;
  lua_newtable(L);
  for (int i = 1; lua_rawgeti(L, 3, i) != LUA_TNIL; i++) {
    push_tail(L, &box->latencies, check_tail(L, -1, 3));
    lua_rawseti(L, -3, i);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  forget_latencies(box);
  return 2;
}

/* percentile(latency, ...) -> milliseconds of each percent, or nils where there are no samples */
static int percentile(lua_State *L)
{
  const char *name = luaL_checkstring(L, 2);
  int last = lua_gettop(L);
  luaL_checknumber(L, 3);
  for (int i = 3; i <= last; i++) {
    double percent = luaL_checknumber(L, i);
    luaL_argcheck(L, percent >= 0 && percent <= 100, i, "a percentile lies between 0 and 100");
  }
  luaL_checkstack(L, last, "too many percentiles");
  sb_samples *found = sb_latencies_find(latencies_of(L), name);
  luaL_argcheck(L, found, 2, "no latency of this name");
  for (int i = 3; i <= last; i++) {
    double value = sb_samples_percentile(found, lua_tonumber(L, i));
    if (isnan(value))
      lua_pushnil(L);
    else
      lua_pushnumber(L, value);
  }
  return last - 2;
}

/* tail_needs(percent) */
static int tail_needs(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)sb_tail_needs(check_tail(L, 1, 1)));
  return 1;
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

/* acceptance(k) -> { steps, accepted_tokens, mean_length, per_position }, or nil where the records cannot tell */
static int acceptance(lua_State *L)
{
  sb_run *run = check_run(L);
  lua_Integer k = luaL_checkinteger(L, 2);
  luaL_argcheck(L, k >= 1 && k <= UINT32_MAX, 2, "a draft has at least one token");
  sb_acceptance seen;
  if (!sb_acceptance_measure(run, (uint32_t)k, &seen) || seen.whole_steps <= 0.0) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 4);
  sbl_set_integer(L, "steps", (lua_Integer)seen.steps);
  sbl_set_integer(L, "accepted_tokens", (lua_Integer)seen.accepted_tokens);
  double length = 1.0;
  lua_newtable(L);
  for (int i = 0; i < SB_ACCEPTANCE_POSITIONS && i < k; i++) {
    length += seen.accepted[i] / seen.whole_steps;
    lua_pushnumber(L, seen.accepted[i] / seen.whole_steps);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "per_position");
  sbl_set_number(L, "mean_length", length);
  return 1;
}

static int encode(lua_State *L)
{
  sb_run *run = check_run(L);
  sb_strbuf *out = sbl_push_buffer(L);
  if (sb_records_write(run, out))
    return luaL_error(L, "the run's records cannot be written: they are damaged");
  return sbl_push_text(L, out);
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
  run_box *box = check_box(L, 1);
  double scale = luaL_checknumber(L, 2);
  luaL_argcheck(L, scale > 0 && isfinite(scale), 2, "a clock's scale is a positive number");
  box->run->clock_scale = scale;
  forget_latencies(box);
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
  static const luaL_Reg methods[] = { { "metrics", metrics },
                                      { "percentile", percentile },
                                      { "request", request },
                                      { "text", text },
                                      { "outputs", outputs },
                                      { "same_outputs", same_outputs },
                                      { "failures", failures },
                                      { "resent", resent },
                                      { "chunks", chunks },
                                      { "acceptance", acceptance },
                                      { "encode", encode },
                                      { "jsonl", to_jsonl },
                                      { "redact", redact },
                                      { "set_clock_scale", set_clock_scale },
                                      { "__len", length },
                                      { "__gc", free_run },
                                      { NULL, NULL } };
  static const luaL_Reg functions[] = {
    { "decode", decode }, { "check", check }, { "tail_needs", tail_needs }, { NULL, NULL }
  };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
