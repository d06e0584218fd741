#include "wait.h"

/* sb.signal: a place where tasks wait for each other. Semaphores and channels are Lua on top of it. */

#define TYPE "specbench.signal"

static sbl_wait_list *check_signal(lua_State *L)
{
  return luaL_checkudata(L, 1, TYPE);
}

static int new_signal(lua_State *L)
{
  sbl_wait_list *waits = lua_newuserdatauv(L, sizeof *waits, 0);
  *waits = (sbl_wait_list){ 0 };
  luaL_setmetatable(L, TYPE);
  return 1;
}

static int wait_results(lua_State *L, int how, lua_KContext context)
{
  (void)L;
  (void)how;
  (void)context;
  return 0;
}

/* wait(): until a notify reaches this task; first come, first woken */
static int wait_signal(lua_State *L)
{
  return sbl_wait_in(L, check_signal(L), -1, wait_results, 0);
}

/* notify(n?): wakes the n (1) longest waiting tasks; returns how many there were to wake */
static int notify(lua_State *L)
{
  sbl_wait_list *waits = check_signal(L);
  lua_Integer wanted = luaL_optinteger(L, 2, 1);
  lua_pushinteger(L, wanted > 0 ? (lua_Integer)sbl_wake(waits, (size_t)wanted) : 0);
  return 1;
}

int sbl_open_signal(lua_State *L)
{
  static const luaL_Reg methods[] = { { "wait", wait_signal }, { "notify", notify }, { NULL, NULL } };
  static const luaL_Reg functions[] = { { "new", new_signal }, { NULL, NULL } };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
