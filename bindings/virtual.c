#include "sim/virtual_load.h"

#include <stdlib.h>

#include "load_input.h"
#include "run.h"

/* sb.virtual: the simulator's engine driven in no time, in place of a server and a load against it. */

#define TYPE "specbench.virtual"

typedef struct virtual_box {
  sb_sim_virtual *server;
  sb_load_request *requests; /* of the load under way */
  int64_t *arrivals;
} virtual_box;

static virtual_box *check_box(lua_State *L)
{
  virtual_box *box = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, box->server, 1, "the server is closed");
  return box;
}

/* start { argv = { "sim", ... }, profiles = FOLDER } -> server, or nil, message, code */
static int start(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  virtual_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (virtual_box){ 0 };
  luaL_setmetatable(L, TYPE);
  lua_getfield(L, 1, "argv");
  const char **argv = sbl_string_vector(L, -1, "argv");
  luaL_argcheck(L, argv && *argv, 1, "argv is missing");
  int argc = 0;
  while (argv[argc])
    argc++;
  sb_err err;
  box->server = sb_sim_virtual_new(argc, (char **)argv, sbl_opt_string_field(L, 1, "profiles", NULL), &err);
  if (!box->server)
    return sbl_fail(L, &err);
  lua_pushvalue(L, 2);
  return 1;
}

static void forget_load(virtual_box *box)
{
  free(box->requests);
  free(box->arrivals);
  box->requests = NULL;
  box->arrivals = NULL;
}

/* server:load { url, requests, concurrency?, arrivals?, keep_text?, timeout?, ... } -> run, or nil, message, code. Fields as
 * sb.load.start's; returns when the load is over, which takes no time of the load's own. */
static int run_load(lua_State *L)
{
  virtual_box *box = check_box(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  sb_err err;
  sb_load_options options = {
    .url = sbl_opt_string_field(L, 2, "url", ""),
    .concurrency = (uint32_t)sbl_opt_integer_field(L, 2, "concurrency", 0, 0, UINT32_MAX),
    .deadlines = sbl_load_deadlines(L, 2),
    .stream = { .keep_text = sbl_opt_bool_field(L, 2, "keep_text", false) },
  };
  forget_load(box);
  lua_newtable(L);
  if (lua_getfield(L, 2, "requests") != LUA_TTABLE)
    return luaL_error(L, "field 'requests' must be a table of requests");
  options.count = (uint32_t)lua_rawlen(L, -1);
  options.requests = box->requests = sb_calloc(options.count, sizeof *box->requests);
  sbl_load_requests(L, box->requests, options.count, lua_gettop(L) - 1, 1);
  if (lua_getfield(L, 2, "arrivals") != LUA_TNIL) {
    if (sbl_load_arrivals(L, &box->arrivals, options.count, &err))
      return sbl_fail(L, &err);
    options.arrivals_ns = box->arrivals;
  }
  sb_run **run = sbl_push_run(L);
  *run = sb_sim_virtual_load(box->server, &options, &err);
  forget_load(box);
  return *run ? sbl_give_run(L, *run) : sbl_fail(L, &err);
}

/* server:metrics() -> the text of GET /metrics */
static int metrics(lua_State *L)
{
  const virtual_box *box = check_box(L);
  sb_strbuf *page = sbl_push_buffer(L);
  sb_sim_virtual_metrics(box->server, page);
  return sbl_push_text(L, page);
}

/* exit_status() -> with which a fault ended it; nil while it runs */
static int exit_status(lua_State *L)
{
  int status = sb_sim_virtual_exit_status(check_box(L)->server);
  if (status < 0)
    return 0;
  lua_pushinteger(L, status);
  return 1;
}

/* given_up() -> why the last load ended before all was sent, a line; nil where it did not */
static int given_up(lua_State *L)
{
  lua_pushstring(L, sb_sim_virtual_given_up(check_box(L)->server));
  return 1;
}

static int close_server(lua_State *L)
{
  virtual_box *box = luaL_checkudata(L, 1, TYPE);
  forget_load(box);
  sb_sim_virtual_free(box->server);
  box->server = NULL;
  return 0;
}

int sbl_open_virtual(lua_State *L)
{
  static const luaL_Reg methods[] = { { "load", run_load },           { "metrics", metrics },
                                      { "exit_status", exit_status }, { "given_up", given_up },
                                      { "close", close_server },      { "__close", close_server },
                                      { "__gc", close_server },       { NULL, NULL } };
  static const luaL_Reg functions[] = { { "start", start }, { NULL, NULL } };
  luaL_requiref(L, "sb.measure", sbl_open_measure, 0); /* what load() gives is its type */
  lua_pop(L, 1);
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
