#include <math.h>

#include "measure/decompose.h"
#include "measure/interval.h"
#include "measure/moderate.h"
#include "measure/stopping.h"
#include "measure/student.h"
#include "measure/withinrun.h"
#include "run.h"

/* sb.stats: what repeats of a cell and of its baseline say. Absent figures (NaN in C) are absent fields. */

#define LEVEL 0.95

static void set_count(lua_State *L, const char *name, size_t value)
{
  sbl_set_integer(L, name, (lua_Integer)value);
}

static double check_level(lua_State *L, int index)
{
  double level = luaL_optnumber(L, index, LEVEL);
  luaL_argcheck(L, level > 0.0 && level < 1.0, index, "a level lies between 0 and 1");
  return level;
}

/* The numbers of the array at `index`, in a userdata that is pushed; absent ones (false) are NaN. */
static double *check_numbers(lua_State *L, int index, size_t *count)
{
  luaL_checktype(L, index, LUA_TTABLE);
  *count = (size_t)lua_rawlen(L, index);
  double *values = lua_newuserdatauv(L, (*count + 1) * sizeof *values, 0);
  for (size_t i = 0; i < *count; i++) {
    int type = lua_rawgeti(L, index, (lua_Integer)i + 1);
    if (type != LUA_TNUMBER && !(type == LUA_TBOOLEAN && !lua_toboolean(L, -1)))
      luaL_error(L, "item %d must be a number or false, not a %s", (int)i + 1, lua_typename(L, type));
    values[i] = type == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    lua_pop(L, 1);
  }
  return values;
}

static void push_interval(lua_State *L, const sb_interval *interval)
{
  lua_createtable(L, 0, 7);
  set_count(L, "count", interval->count);
  sbl_set_number(L, "mean", interval->mean);
  sbl_set_number(L, "sd", interval->sd);
  sbl_set_number(L, "dof", interval->dof);
  sbl_set_number(L, "low", interval->low);
  sbl_set_number(L, "high", interval->high);
  sbl_set_number(L, "p", interval->p);
}

static double number_field(lua_State *L, int index, const char *field)
{
  return sbl_opt_number_field(L, index, field, NAN);
}

static size_t check_least(lua_State *L, int index)
{
  lua_Integer least = luaL_optinteger(L, index, SB_MIN_REPEATS);
  luaL_argcheck(L, least >= 2 && least <= INT32_MAX, index, "an interval needs at least two values");
  return (size_t)least;
}

/* interval(values, level?, least?) */
static int interval(lua_State *L)
{
  size_t count, least = check_least(L, 3);
  double level = check_level(L, 2);
  const double *values = check_numbers(L, 1, &count);
  sb_interval result;
  sb_interval_least(values, count, least, level, &result);
  push_interval(L, &result);
  return 1;
}

/* One of moderate's cells: { values = {number or false, ...}, baseline = integer, server = integer }. */
static sb_repeated check_repeated(lua_State *L, int index, lua_Integer place, size_t *blocks)
{
  sb_repeated result = { 0 };
  if (lua_rawgeti(L, index, place) != LUA_TTABLE)
    luaL_error(L, "item %d must be a table", (int)place);
  int cell = lua_gettop(L);
  result.baseline = (size_t)sbl_opt_integer_field(L, cell, "baseline", 1, 1, INT32_MAX);
  result.server = (size_t)sbl_opt_integer_field(L, cell, "server", 1, 1, INT32_MAX);
  lua_getfield(L, cell, "values");
  size_t count;
  result.values = check_numbers(L, lua_gettop(L), &count);
  luaL_argcheck(L, place == 1 || count == *blocks, index,
                "every cell needs as many values, false where one is unknown");
  *blocks = count;
  lua_insert(L, cell); /* only the numbers stay, so that they live on */
  lua_settop(L, cell);
  return result;
}

/* moderate(cells, level?, least?) -> intervals, what was found */
static int moderate(lua_State *L)
{
  double level = check_level(L, 2);
  size_t least = check_least(L, 3), blocks = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t count = (size_t)lua_rawlen(L, 1);
  luaL_checkstack(L, (int)count + 10, "too many cells");
  sb_repeated *cells = lua_newuserdatauv(L, (count + 1) * sizeof *cells, 0);
  sb_interval *intervals = lua_newuserdatauv(L, (count + 1) * sizeof *intervals, 0);
  for (size_t i = 0; i < count; i++)
    cells[i] = check_repeated(L, 1, (lua_Integer)i + 1, &blocks);
  sb_moderation found;
  sb_moderate(cells, count, blocks, least, level, intervals, &found);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    push_interval(L, &intervals[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_createtable(L, 0, 5);
  set_count(L, "cells", found.cells);
  set_count(L, "servers", found.servers);
  sbl_set_number(L, "prior_sd", found.prior_sd);
  sbl_set_number(L, "prior_dof", found.prior_dof);
  sbl_set_number(L, "shared_sd", found.shared_sd);
  return 2;
}

/* widen(interval, variance of its mean, dof, level?) */
static int widen(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  sb_interval given = { .count = (size_t)sbl_opt_integer_field(L, 1, "count", 1, 1, INT32_MAX),
                        .mean = number_field(L, 1, "mean"),
                        .sd = number_field(L, 1, "sd"),
                        .dof = number_field(L, 1, "dof") };
  double variance = luaL_checknumber(L, 2), dof = luaL_checknumber(L, 3), level = check_level(L, 4);
  luaL_argcheck(L, variance >= 0.0, 2, "a variance is not negative");
  luaL_argcheck(L, dof > 0.0, 3, "degrees of freedom are more than none");
  sb_interval result;
  sb_interval_widen(&given, variance, dof, level, &result);
  push_interval(L, &result);
  return 1;
}

/* adjust(p) -> the same array's values after Benjamini and Hochberg */
static int adjust(lua_State *L)
{
  size_t count;
  double *p = check_numbers(L, 1, &count);
  sb_false_discovery(p, count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    if (isnan(p[i]))
      lua_pushboolean(L, 0);
    else
      lua_pushnumber(L, p[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* verdict(interval, adjusted_p, tie, alpha) -> name */
static int verdict(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  sb_interval given = { .low = number_field(L, 1, "low"), .high = number_field(L, 1, "high") };
  double p = luaL_optnumber(L, 2, NAN), tie = luaL_checknumber(L, 3), alpha = luaL_checknumber(L, 4);
  luaL_argcheck(L, tie >= 0.0 && tie < 1.0, 3, "a tie band lies between 0 and 1");
  lua_pushstring(L, sb_verdict_name(sb_interval_verdict(&given, p, tie, alpha)));
  return 1;
}

/* judge({ width = share } or { tie = share }, cap = repeats }, values) -> { more, wanted, interval } */
static int judge(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  sb_stopping rule = { .width = sbl_opt_number_field(L, 1, "width", -1.0),
                       .tie = sbl_opt_number_field(L, 1, "tie", 0.02) };
  rule.cap = (size_t)sbl_opt_integer_field(L, 1, "cap", 10, SB_MIN_REPEATS, SB_STOPPING_MAX_CAP);
  rule.until = rule.width > 0.0 ? SB_UNTIL_WIDTH : SB_UNTIL_DECIDED;
  luaL_argcheck(L, rule.tie >= 0.0 && rule.tie < 1.0, 1, "a tie band lies between 0 and 1");
  size_t count;
  const double *values = check_numbers(L, 2, &count);
  sb_stopping_state state;
  sb_stopping_judge(&rule, values, count, &state);
  lua_createtable(L, 0, 3);
  lua_pushboolean(L, state.more);
  lua_setfield(L, -2, "more");
  set_count(L, "wanted", state.wanted);
  set_count(L, "next", state.next);
  push_interval(L, &state.interval);
  lua_setfield(L, -2, "interval");
  return 1;
}

/* pair(baseline, method) */
static int pair(lua_State *L)
{
  const sb_run *baseline = sbl_check_run(L, 1), *method = sbl_check_run(L, 2);
  sb_pairs made;
  sb_pairs_make(baseline, method, &made);
  const sb_pairs pairs = made; /* its numbers: what follows may raise */
  double log_ratio = sb_pairs_log_ratio(&made);
  sb_pairs_deinit(&made);
  lua_createtable(L, 0, 6);
  set_count(L, "count", pairs.count);
  set_count(L, "timed", pairs.timed);
  set_count(L, "baseline_only", pairs.baseline_only);
  set_count(L, "method_only", pairs.method_only);
  set_count(L, "identical", pairs.identical);
  sbl_set_number(L, "log_ratio", log_ratio);
  return 1;
}

static void set_bounds(lua_State *L, const char *name, const sb_bounds *bounds)
{
  lua_createtable(L, 0, 3);
  sbl_set_number(L, "value", bounds->value);
  sbl_set_number(L, "low", bounds->low);
  sbl_set_number(L, "high", bounds->high);
  lua_setfield(L, -2, name);
}

/* The pairs of a list { { baseline, method }, ... } at `index`, in a userdata that is pushed. *scales, if wanted: both
 * sides' clock scales. release_pairs undoes it. */
static sb_pairs *check_pairs(lua_State *L, int index, size_t *count, double (**scales)[2])
{
  luaL_checktype(L, index, LUA_TTABLE);
  *count = (size_t)lua_rawlen(L, index);
  const sb_run **runs = lua_newuserdatauv(L, (2 * *count + 1) * sizeof *runs, 0);
  for (size_t i = 0; i < *count; i++) {
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE)
      luaL_error(L, "item %d must be { baseline, method }", (int)i + 1);
    for (int side = 0; side < 2; side++) {
      lua_rawgeti(L, -1, side + 1);
      runs[2 * i + (size_t)side] = sbl_check_run(L, -1);
      lua_pop(L, 1); /* the argument anchors it */
    }
    lua_pop(L, 1);
  }
  if (scales)
    *scales = lua_newuserdatauv(L, (*count + 1) * sizeof **scales, 0);
  sb_pairs *pairs = lua_newuserdatauv(L, (*count + 1) * sizeof *pairs, 0);
  for (size_t i = 0; i < *count; i++) {
    sb_pairs_make(runs[2 * i], runs[2 * i + 1], &pairs[i]);
    for (size_t side = 0; scales && side < 2; side++)
      (*scales)[i][side] = runs[2 * i + side]->clock_scale;
  }
  return pairs;
}

static void release_pairs(sb_pairs *pairs, size_t count)
{
  for (size_t i = 0; i < count; i++)
    sb_pairs_deinit(&pairs[i]);
}

/* between_prompts({ { baseline, method }, ... }) -> { prompts, variance }, or nil where these are not the same ones */
static int between_prompts(lua_State *L)
{
  size_t count;
  sb_pairs *pairs = check_pairs(L, 1, &count, NULL);
  sb_prompt_spread spread;
  bool same = sb_pairs_spread(pairs, count, &spread);
  release_pairs(pairs, count);
  if (!same) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 2);
  set_count(L, "prompts", spread.prompts);
  sbl_set_number(L, "variance", spread.variance);
  return 1;
}

/* within_run({ { baseline, method }, ... }, seed, level?) */
static int within_run(lua_State *L)
{
  uint64_t seed = (uint64_t)luaL_checkinteger(L, 2);
  double level = check_level(L, 3);
  double(*scales)[2];
  size_t count;
  sb_pairs *pairs = check_pairs(L, 1, &count, &scales);
  sb_withinrun bounds;
  sb_withinrun_compute(pairs, count, (const double(*)[2])scales, level, seed, &bounds);
  release_pairs(pairs, count);
  lua_createtable(L, 0, 4);
#define SB_SET(name) set_bounds(L, #name, &bounds.name);
  SB_SPEEDUPS(SB_SET)
#undef SB_SET
  return 1;
}

#define SIDE_FIELDS(X) X(tokens_per_step) X(step_ms) X(waiting) X(stalled) X(idle) X(first_tokens)

/* decode_side(run, tokens_per_step, chunk_is_step) -> table, or nil where the run cannot tell */
static int decode_side(lua_State *L)
{
  const sb_run *run = sbl_check_run(L, 1);
  double tokens_per_step = luaL_checknumber(L, 2);
  luaL_argcheck(L, tokens_per_step >= 1.0, 2, "a step brings at least one token");
  sb_decode_side side;
  if (!sb_decode_side_measure(run, tokens_per_step, lua_toboolean(L, 3), &side)) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 6);
#define SB_SET(name) sbl_set_number(L, #name, side.name);
  SIDE_FIELDS(SB_SET)
#undef SB_SET
  return 1;
}

/* decompose(baseline side, method side, measured ratio) */
static int decompose(lua_State *L)
{
  sb_decode_side sides[2];
  for (int i = 0; i < 2; i++) {
    luaL_checktype(L, i + 1, LUA_TTABLE);
#define SB_GET(name) sides[i].name = number_field(L, i + 1, #name);
    SIDE_FIELDS(SB_GET)
#undef SB_GET
  }
  sb_decomposition result;
  sb_decompose(&sides[0], &sides[1], luaL_checknumber(L, 3), &result);
  lua_createtable(L, 0, 6);
  sbl_set_number(L, "tokens", result.tokens);
  sbl_set_number(L, "step", result.step);
  sbl_set_number(L, "rest", result.rest);
  sbl_set_number(L, "product", result.product);
  sbl_set_number(L, "measured", result.measured);
  sbl_set_number(L, "unexplained", result.unexplained);
  return 1;
}

/* normal_cdf(z) */
static int normal_cdf(lua_State *L)
{
  lua_pushnumber(L, sb_normal_cdf(luaL_checknumber(L, 1)));
  return 1;
}

int sbl_open_stats(lua_State *L)
{
  static const luaL_Reg functions[] = { { "interval", interval },
                                        { "moderate", moderate },
                                        { "widen", widen },
                                        { "adjust", adjust },
                                        { "verdict", verdict },
                                        { "judge", judge },
                                        { "pair", pair },
                                        { "within_run", within_run },
                                        { "between_prompts", between_prompts },
                                        { "decode_side", decode_side },
                                        { "decompose", decompose },
                                        { "normal_cdf", normal_cdf },
                                        { NULL, NULL } };
  luaL_newlib(L, functions);
  return 1;
}
