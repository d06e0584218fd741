#include "base/clock.h"

#include "sbl.h"

static int now(lua_State *L)
{
  lua_pushinteger(L, sb_clock_now());
  return 1;
}

static int wall(lua_State *L)
{
  lua_pushinteger(L, sb_clock_wall());
  return 1;
}

static int cpu(lua_State *L)
{
  lua_pushinteger(L, sb_clock_process_cpu());
  return 1;
}

static int source(lua_State *L)
{
  lua_pushstring(L, sb_clock_source());
  return 1;
}

int sbl_open_clock(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "now", now }, { "wall", wall }, { "cpu", cpu }, { "source", source }, { NULL, NULL }
  };
  luaL_newlib(L, functions);
  return 1;
}
