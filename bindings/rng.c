#include "base/rng.h"

#include <math.h>

#include "sbl.h"

#define TYPE "specbench.rng"

static sb_rng *check_rng(lua_State *L)
{
  return luaL_checkudata(L, 1, TYPE);
}

/* A seed is an integer, or a string that is hashed: sweeps derive seeds from names. */
static uint64_t check_seed(lua_State *L, int index)
{
  if (lua_type(L, index) == LUA_TSTRING) {
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return sb_hash64(text, size, 0);
  }
  return (uint64_t)luaL_checkinteger(L, index);
}

static int new_rng(lua_State *L)
{
  uint64_t seed = check_seed(L, 1), stream = (uint64_t)luaL_optinteger(L, 2, 0);
  sb_rng *rng = lua_newuserdatauv(L, sizeof *rng, 0);
  sb_rng_init(rng, seed, stream);
  luaL_setmetatable(L, TYPE);
  return 1;
}

static int int_in(lua_State *L)
{
  sb_rng *rng = check_rng(L);
  lua_Integer low = luaL_checkinteger(L, 2), high = luaL_checkinteger(L, 3);
  luaL_argcheck(L, low <= high, 3, "an integer range must not be empty");
  uint64_t span = (uint64_t)high - (uint64_t)low + 1;
  uint64_t draw = span ? sb_rng_below(rng, span) : sb_rng_u64(rng);
  lua_pushinteger(L, (lua_Integer)((uint64_t)low + draw));
  return 1;
}

static int uniform(lua_State *L)
{
  lua_pushnumber(L, sb_rng_uniform(check_rng(L)));
  return 1;
}

static int normal(lua_State *L)
{
  lua_pushnumber(L, sb_rng_normal(check_rng(L)));
  return 1;
}

static int exponential(lua_State *L)
{
  lua_pushnumber(L, sb_rng_exponential(check_rng(L)));
  return 1;
}

static int gamma_draw(lua_State *L)
{
  sb_rng *rng = check_rng(L);
  double shape = luaL_checknumber(L, 2);
  luaL_argcheck(L, shape > 0 && isfinite(shape), 2, "a gamma distribution's shape must be a positive number");
  lua_pushnumber(L, sb_rng_gamma(rng, shape));
  return 1;
}

/* Fisher-Yates, in place; returns the array */
static int shuffle(lua_State *L)
{
  sb_rng *rng = check_rng(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, 2); i > 1; i--) {
    lua_Integer other = (lua_Integer)sb_rng_below(rng, (uint64_t)i) + 1;
    lua_rawgeti(L, 2, i);
    lua_rawgeti(L, 2, other);
    lua_rawseti(L, 2, i);
    lua_rawseti(L, 2, other);
  }
  return 1;
}

static int hash(lua_State *L)
{
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  char text[17];
  snprintf(text, sizeof text, "%016llx",
           (unsigned long long)sb_hash64(data, size, (uint64_t)luaL_optinteger(L, 2, 0)));
  lua_pushstring(L, text);
  return 1;
}

int sbl_open_rng(lua_State *L)
{
  static const luaL_Reg methods[] = { { "int", int_in },       { "uniform", uniform },
                                      { "normal", normal },    { "exponential", exponential },
                                      { "gamma", gamma_draw }, { "shuffle", shuffle },
                                      { NULL, NULL } };
  static const luaL_Reg functions[] = { { "new", new_rng }, { "hash", hash }, { NULL, NULL } };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
