#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proc/child.h"
#include "proc/listener.h"
#include "proc/port.h"
#include "proc/tail.h"
#include "proc/tree.h"
#include "wait.h"

/* sb.proc: server processes, each under its supervisor. A process is waited for by any number of tasks. */

#define TYPE "specbench.process"

typedef struct process {
  sb_child *child; /* NULL once freed */
  pid_t pid;       /* of the server; 0 until started */
  bool failed, exited, ended;
  int code, signal;
  char error[256];                     /* why it could not start */
  sbl_wait_list exit_waits, end_waits; /* until the server exits, until its whole tree is gone */
} process;

static process *check_process(lua_State *L)
{
  return luaL_checkudata(L, 1, TYPE);
}

static bool is_over(const process *p, bool for_end)
{
  return p->ended || (!for_end && (p->exited || p->failed));
}

static void on_started(sb_child *child, pid_t pid)
{
  process *p = sb_child_context(child);
  p->pid = pid;
}

static void on_failed(sb_child *child, const sb_err *err)
{
  process *p = sb_child_context(child);
  p->failed = true;
  snprintf(p->error, sizeof p->error, "%s", err->text);
  sbl_wake(&p->exit_waits, SBL_WAKE_ALL);
}

static void on_server_exit(sb_child *child, int code, int signal_number)
{
  process *p = sb_child_context(child);
  p->exited = true;
  p->code = code;
  p->signal = signal_number;
  sbl_wake(&p->exit_waits, SBL_WAKE_ALL);
}

static void end(process *p)
{
  p->ended = true;
  sbl_wake(&p->exit_waits, SBL_WAKE_ALL);
  sbl_wake(&p->end_waits, SBL_WAKE_ALL);
}

static void on_ended(sb_child *child)
{
  end(sb_child_context(child));
}

static bool is_set_by(lua_State *L, int changes, const char *entry)
{
  const char *equals = strchr(entry, '=');
  lua_pushlstring(L, entry, equals ? (size_t)(equals - entry) : strlen(entry));
  bool found = lua_rawget(L, changes) != LUA_TNIL;
  lua_pop(L, 1);
  return found;
}

/* This process's environment with the changes of the table at the top of the stack ({ NAME = "value", or
 * false to unset it }), as a vector anchored in what is pushed; NULL where there is no table. */
static const char **push_environment(lua_State *L)
{
  int changes = lua_gettop(L);
  if (lua_isnil(L, changes))
    return NULL;
  luaL_checktype(L, changes, LUA_TTABLE);
  lua_newtable(L);
  lua_Integer count = 0;
  for (char **entry = environ; *entry; entry++)
    if (!is_set_by(L, changes, *entry)) {
      lua_pushstring(L, *entry);
      lua_rawseti(L, changes + 1, ++count);
    }
  lua_pushnil(L);
  while (lua_next(L, changes)) {
    if (lua_type(L, -2) != LUA_TSTRING || (!lua_isstring(L, -1) && !lua_isboolean(L, -1)))
      luaL_error(L, "env must map names to strings, or to false to unset one");
    if (lua_isstring(L, -1)) {
      sbl_refuse_zero(L, "a value of env");
      lua_pushvalue(L, -2);
      sbl_refuse_zero(L, "a name of env");
      lua_pop(L, 1);
      lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
      lua_rawseti(L, changes + 1, ++count);
    }
    lua_pop(L, 1);
  }
  return sbl_string_vector(L, changes + 1, "env");
}

static int grace_ms(lua_State *L, double seconds)
{
  int64_t ms = sbl_seconds(L, seconds, "grace") / 1000000;
  return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* start{ argv, env?, cwd?, log?, log_bytes?, trees?, grace? } -> process, or nil, message, code */
static int start(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  sbl_check_open(L);
  lua_settop(L, 1);
  process *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  luaL_setmetatable(L, TYPE);
  lua_getfield(L, 1, "argv");
  const char **argv = sbl_string_vector(L, -1, "argv");
  if (!argv || !argv[0])
    return luaL_error(L, "field 'argv' must name a program");
  lua_getfield(L, 1, "env");
  sb_child_options options = {
    .argv = argv,
    .env = push_environment(L),
    .cwd = sbl_opt_string_field(L, 1, "cwd", NULL),
    .log_path = sbl_opt_string_field(L, 1, "log", NULL),
    .log_bytes = sbl_opt_integer_field(L, 1, "log_bytes", 0, 0, INT64_MAX),
    .trees = sbl_opt_string_field(L, 1, "trees", NULL),
    .grace_ms = grace_ms(L, sbl_opt_number_field(L, 1, "grace", 0)),
    .on_started = on_started,
    .on_failed = on_failed,
    .on_exit = on_server_exit,
    .on_ended = on_ended,
    .context = p,
  };
  sb_err err;
  p->child = sb_child_start(sb_loop_uv(sbl_world_of(L)->loop), &options, &err);
  if (!p->child)
    return sbl_fail(L, &err);
  lua_settop(L, 2);
  return 1;
}

static int wait_results(lua_State *L, int how, lua_KContext for_end)
{
  (void)how;
  lua_pushboolean(L, is_over(check_process(L), for_end));
  return 1;
}

/* wait(seconds?) -> true once the server has exited, false where the time ran out before; wait_end the same
 * for the whole tree. */
static int wait_until(lua_State *L, bool for_end)
{
  process *p = check_process(L);
  double seconds = luaL_optnumber(L, 2, -1);
  lua_settop(L, 1);
  if (is_over(p, for_end) || seconds == 0) {
    lua_pushboolean(L, is_over(p, for_end));
    return 1;
  }
  int64_t ns = seconds < 0 ? -1 : sbl_seconds(L, seconds, "seconds to wait");
  return sbl_wait_in(L, for_end ? &p->end_waits : &p->exit_waits, ns, wait_results, for_end);
}

static int wait_exit(lua_State *L)
{
  return wait_until(L, false);
}

static int wait_end(lua_State *L)
{
  return wait_until(L, true);
}

/* stop(grace_seconds): SIGTERM now, SIGKILL after the grace; does not wait */
static int stop(lua_State *L)
{
  process *p = check_process(L);
  double grace = luaL_optnumber(L, 2, -1);
  if (p->child && !p->ended)
    sb_child_stop(p->child, grace < 0 ? -1 : grace_ms(L, grace));
  return 0;
}

/* "starting", "running", "failed" and why, "exited" and how, "ended" */
static int status(lua_State *L)
{
  process *p = check_process(L);
  const char *state = p->failed   ? "failed"
                      : p->exited ? "exited"
                      : p->ended  ? "ended"
                      : p->pid    ? "running"
                                  : "starting";
  lua_pushstring(L, state);
  if (p->failed)
    lua_pushstring(L, p->error);
  else if (p->exited && p->signal)
    lua_pushfstring(L, "killed by signal %d (%s)", p->signal, strsignal(p->signal));
  else if (p->exited)
    lua_pushfstring(L, "exit code %d", p->code);
  else
    lua_pushnil(L);
  return 2;
}

static int pid(lua_State *L)
{
  process *p = check_process(L);
  lua_pushinteger(L, p->pid);
  return 1;
}

static int check_port(lua_State *L, int index)
{
  lua_Integer port = luaL_checkinteger(L, index);
  luaL_argcheck(L, port >= 0 && port <= UINT16_MAX, index, "a port lies between 0 and 65535");
  return (int)port;
}

/* listener(host, port) -> "own", "unknown", or "stranger" and a pid */
static int listener(lua_State *L)
{
  static const char *const names[] = { "unknown", "own", "stranger" };
  const process *p = check_process(L);
  const char *host = sbl_check_name(L, 2);
  int port = check_port(L, 3);
  luaL_argcheck(L, p->child, 1, "the process is closed");
  pid_t stranger;
  lua_pushstring(L, names[sb_listener_of(host, port, sb_child_supervisor(p->child), &stranger)]);
  if (!stranger)
    return 1;
  lua_pushinteger(L, stranger);
  return 2;
}

/* The supervisor ends the tree in any case: nothing is waited for. */
static int close_process(lua_State *L)
{
  process *p = check_process(L);
  sb_child_free(p->child);
  p->child = NULL;
  end(p);
  return 0;
}

static int free_port(lua_State *L)
{
  sb_err err;
  int port = sb_free_port(lua_isnoneornil(L, 1) ? "127.0.0.1" : sbl_check_name(L, 1), &err);
  if (port < 0)
    return sbl_fail(L, &err);
  lua_pushinteger(L, port);
  return 1;
}

static int port_taken(lua_State *L)
{
  lua_pushboolean(L, sb_port_taken(sbl_check_name(L, 1), check_port(L, 2)));
  return 1;
}

/* end_trees(folder) -> { ended, running, pid?, elsewhere? } */
static int end_trees(lua_State *L)
{
  sb_err err;
  sb_tree_left left;
  if (sb_trees_end(sbl_check_name(L, 1), &left, &err))
    return sbl_fail(L, &err);
  lua_createtable(L, 0, 4);
  sbl_set_integer(L, "ended", (lua_Integer)left.ended);
  sbl_set_integer(L, "running", (lua_Integer)left.running);
  if (left.running)
    sbl_set_integer(L, "pid", left.pid);
  if (left.elsewhere[0]) {
    lua_pushstring(L, left.elsewhere);
    lua_setfield(L, -2, "elsewhere");
  }
  return 1;
}

/* tail(path, lines, from) -> the last lines of a log, of what is behind its byte `from` */
static int tail(lua_State *L)
{
  sb_err err;
  const char *path = sbl_check_name(L, 1);
  lua_Integer lines = luaL_optinteger(L, 2, 15), from = luaL_optinteger(L, 3, 0);
  sb_strbuf *out = sbl_push_buffer(L);
  if (sb_log_tail(path, from > 0 ? (uint64_t)from : 0, lines > 0 ? (size_t)lines : 1, out, &err))
    return sbl_fail(L, &err);
  return sbl_push_text(L, out);
}

int sbl_open_proc(lua_State *L)
{
  static const luaL_Reg methods[] = { { "wait", wait_exit },
                                      { "wait_end", wait_end },
                                      { "stop", stop },
                                      { "status", status },
                                      { "pid", pid },
                                      { "listener", listener },
                                      { "close", close_process },
                                      { "__close", close_process },
                                      { "__gc", close_process },
                                      { NULL, NULL } };
  static const luaL_Reg functions[] = {
    { "start", start },         { "free_port", free_port }, { "port_taken", port_taken },
    { "end_trees", end_trees }, { "tail", tail },           { NULL, NULL }
  };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
