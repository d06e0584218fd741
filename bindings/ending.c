#include "ending.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "exit_status.h"
#include "interrupt.h"

/* What the process ends with where a script asks for `wanted`: only eight bits of it would reach whoever asks, and 256
 * pass for 0. */
static int status_of(lua_Integer wanted)
{
  return wanted >= 0 && wanted <= UINT8_MAX ? (int)wanted : SBL_EXIT_SCRIPT;
}

/* message -> what is shown of it */
static int shorten(lua_State *L)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "specbench.base.blame");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "shown");
  lua_insert(L, 1);
  lua_settop(L, 2);
  lua_call(L, 1, 1);
  return 1;
}

/* A string tells its place itself, an object does not. */
/* What is shown of a text, left on the stack; the text itself where there is no memory. */
static const char *shown(lua_State *L, const char *text)
{
  lua_pushcfunction(L, shorten);
  lua_pushstring(L, text);
  return lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : text;
}

void sbl_print_error(lua_State *L, const char *script)
{
  bool placed = lua_type(L, -1) == LUA_TSTRING;
  const char *message = shown(L, sbl_error_text(L));
  fflush(stdout);
  sb_tell(": %s%s%s", placed ? "" : script, placed ? "" : ": ", message);
}

/* The status of a script that failed, which is said; { exit = STATUS } without a message ends in silence. */
static int raised_status(lua_State *L, const char *script)
{
  int is_status = 0, status = SBL_EXIT_SCRIPT;
  if (lua_istable(L, -1)) {
    lua_pushliteral(L, "exit");
    lua_rawget(L, -2);
    status = status_of(lua_tointegerx(L, -1, &is_status));
    lua_pop(L, 1);
  }
  if (!is_status) {
    sbl_print_error(L, script);
    return SBL_EXIT_SCRIPT;
  }
  lua_pushliteral(L, "message");
  if (lua_rawget(L, -2) == LUA_TSTRING) {
    fflush(stdout);
    sb_tell(": %s: %s", script, shown(L, lua_tostring(L, -1)));
  }
  lua_pop(L, 1);
  return status;
}

/* Whether the value on top of the stack is what bench.round returns. */
static bool is_round(lua_State *L)
{
  if (!lua_istable(L, -1))
    return false;
  lua_pushliteral(L, "is_round");
  lua_rawget(L, -2);
  bool found = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return found;
}

int sbl_exit_status(lua_State *L, sbl_task *task, const char *script)
{
  if (sbl_interrupted())
    return SBL_EXIT_INTERRUPTED;
  if (sbl_task_get_state(task) == SBL_TASK_CANCELED)
    return SBL_EXIT_SCRIPT;
  sbl_task_push_result(L, task);
  int status = EXIT_SUCCESS;
  if (sbl_task_get_state(task) == SBL_TASK_FAILED) {
    status = raised_status(L, script);
  } else if (is_round(L)) {
    sb_tell(": %s only describes a round: run it with `specbench run %s`", script, script);
    status = SBL_EXIT_USAGE;
  } else if (lua_isinteger(L, -1)) {
    status = status_of(lua_tointeger(L, -1));
  }
  return status;
}
