#include "figures.h"

#include <math.h>

#include "measure/acceptance.h"
#include "measure/metrics.h"
#include "measure/tail.h"
#include "run.h"

/* What of sb.measure is computed from a run's records. */

#define TAIL_LEVEL 0.95 /* of the bounds of a percentile */

/* Those of the run that is the first argument. */
static sb_latencies *latencies_of(lua_State *L)
{
  sbl_run_box *box = sbl_check_run_box(L, 1);
  if (!box->gathered) {
    sbl_forget_latencies(box);
    sb_latencies_gather(&box->latencies, box->run);
  }
  box->gathered = true;
  return &box->latencies;
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

/* (figures, name) -> nil where the figure is not known; a name that none has would pass for one. Upvalue: the names. */
static int absent_figure(lua_State *L)
{
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL)
    return luaL_error(
        L, "run:metrics() has no figure '%s': runtime/measure/README.md names those that there are",
        luaL_tolstring(L, 2, NULL));
  lua_pushnil(L);
  return 1;
}

static void push_figures(lua_State *L, const sb_metric_entry *entries, size_t count)
{
  lua_createtable(L, 0, (int)count);
  for (size_t i = 0; i < count; i++)
    if (!isnan(entries[i].value)) {
      push_figure(L, &entries[i]);
      lua_setfield(L, -2, entries[i].name);
    }
  if (luaL_newmetatable(L, "specbench.figures")) {
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
      lua_pushboolean(L, true);
      lua_setfield(L, -2, entries[i].name);
    }
    lua_pushcclosure(L, absent_figure, 1);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
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
  sbl_run_box *box = sbl_check_run_box(L, 1);
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
    sbl_forget_latencies(box);
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
  sbl_forget_latencies(box);
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

/* acceptance(k) -> { steps, accepted_tokens, mean_length, per_position }, or nil where the records cannot tell */
static int acceptance(lua_State *L)
{
  const sb_run *run = sbl_check_run(L, 1);
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

const luaL_Reg sbl_figure_methods[] = {
  { "metrics", metrics }, { "percentile", percentile }, { "acceptance", acceptance }, { NULL, NULL }
};

const luaL_Reg sbl_figure_functions[] = { { "tail_needs", tail_needs }, { NULL, NULL } };
