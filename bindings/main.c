#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_limit.h"
#include "base/log.h"
#include "ending.h"
#include "exit_status.h"
#include "interrupt.h"
#include "net/dial.h"
#include "paths.h"
#include "proc/supervisor.h"
#include "sim/main.h"
#include "task.h"

/* specbench COMMAND [ARGUMENTS]      runs scripts/cmd/COMMAND.lua, through scripts/dispatch.lua
 * specbench FILE.lua [ARGUMENTS]     runs any script, as a task, with the primitives at hand
 * specbench -e CODE [ARGUMENTS]      the same with the script on the command line; it knows `bench`
 *
 * How a script sets the exit status: ending.h. */

typedef struct application {
  sbl_world world;
  sbl_paths paths;
} application;

static void preload(lua_State *L)
{
  static const luaL_Reg modules[] = { { "sb.task", sbl_open_task },       { "sb.clock", sbl_open_clock },
                                      { "sb.rng", sbl_open_rng },         { "sb.json", sbl_open_json },
                                      { "sb.fs", sbl_open_fs },           { "sb.http", sbl_open_http },
                                      { "sb.proc", sbl_open_proc },       { "sb.load", sbl_open_load },
                                      { "sb.measure", sbl_open_measure }, { "sb.stats", sbl_open_stats },
                                      { "sb.prom", sbl_open_prom },       { "sb.signal", sbl_open_signal },
                                      { "sb.virtual", sbl_open_virtual }, { "sb.nvml", sbl_open_nvml },
                                      { "sb.linear", sbl_open_linear },   { NULL, NULL } };
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, modules, 0);
  lua_pop(L, 1);
}

/* package[field] = what is on top of the stack, which is popped; what the environment says; where Lua always looks,
 * so that a variable which is meant for another Lua takes nothing away. */
static void set_search(lua_State *L, const char *field, const char *variable, const char *versioned)
{
  const char *more = getenv(versioned);
  if (!more)
    more = getenv(variable);
  if (more) {
    luaL_gsub(L, more, ";;", ";");
    lua_pushliteral(L, ";");
    lua_concat(L, 3);
  }
  lua_getglobal(L, "package");
  lua_insert(L, -2);
  lua_getfield(L, -2, field);
  lua_concat(L, 2);
  lua_setfield(L, -2, field);
  lua_pop(L, 1);
}

/* require looks into scripts/ first, then beside the script. C modules: first where a release has its own. */
static void set_package_path(lua_State *L, const application *app, const char *script)
{
  const char *slash = strrchr(script, '/');
  lua_pushfstring(L, "%s/scripts/?.lua;%s/scripts/?/init.lua;", app->paths.home, app->paths.home);
  lua_pushlstring(L, slash ? script : ".", slash ? (size_t)(slash - script) : 1);
  lua_pushliteral(L, "/?.lua;");
  lua_concat(L, 3);
  set_search(L, "path", "LUA_PATH", "LUA_PATH_5_4");
  lua_pushfstring(L, "%s/../lib/specbench/?.so;", app->paths.folder);
  set_search(L, "cpath", "LUA_CPATH", "LUA_CPATH_5_4");
}

/* The global `arg`, as the stand-alone interpreter sets it, and the module sb.environment. */
static void set_arguments(lua_State *L, const application *app, char **arguments, const char *script)
{
  lua_newtable(L);
  lua_pushstring(L, script);
  lua_rawseti(L, -2, 0);
  for (int i = 0; arguments[i]; i++) {
    lua_pushstring(L, arguments[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L);
  lua_pushstring(L, app->paths.home);
  lua_setfield(L, -2, "home");
  lua_pushstring(L, app->paths.executable);
  lua_setfield(L, -2, "executable");
  lua_pushliteral(L, SPECBENCH_VERSION);
  lua_setfield(L, -2, "version");
  lua_setfield(L, -2, "sb.environment");
  lua_pop(L, 1);
}

/* What raises where nothing may, or for want of memory even there: one line instead of an abort. */
static int panic(lua_State *L)
{
  sb_tell(": %s", sbl_error_text(L));
  _exit(SBL_EXIT_SCRIPT);
}

static lua_State *new_state(application *app)
{
  lua_State *L = luaL_newstate();
  if (!L)
    return NULL;
  *(sbl_world **)lua_getextraspace(L) = &app->world;
  app->world.main = L;
  lua_atpanic(L, panic);
  return L;
}

static void open_libraries(lua_State *L)
{
  lua_pushboolean(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV"); /* set_package_path reads LUA_PATH and LUA_CPATH */
  luaL_openlibs(L);
  preload(L);
}

/* Runs the loop until the script's task has ended; an interrupt cancels it. */
static void run_to_end(lua_State *L, application *app, sbl_task *task)
{
  while (sbl_task_get_state(task) < SBL_TASK_FINISHED) {
    if (sbl_interrupted()) {
      sbl_interrupt_let_run();
      sbl_task_cancel(L, task);
      return;
    }
    bool may_go_on = sb_loop_step(app->world.loop);
    /* an interrupt may have made it wait just now, for nothing: the next turn ends it */
    if (!may_go_on && sbl_task_get_state(task) == SBL_TASK_WAITING && !sbl_interrupted()) {
      sb_log(SB_LOG_ERROR, "deadlock: the script waits for something that cannot happen any more");
      sbl_task_cancel(L, task);
      return;
    }
  }
}

typedef struct invocation {
  application *app;
  char **arguments;
  const char *script;
  const char *code; /* run instead of the file `script`; or NULL */
  int status;
} invocation;

static void load_code(lua_State *L, const char *code)
{
  const char *text = lua_pushfstring(L, "local bench = require 'specbench' %s", code);
  if (luaL_loadbufferx(L, text, strlen(text), "=(command line)", "t") != LUA_OK)
    lua_error(L);
  lua_remove(L, -2);
}

static void load_file(lua_State *L, const char *script)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "specbench.base.source");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "load");
  lua_remove(L, -2);
  lua_pushstring(L, script);
  lua_call(L, 1, 2);
  if (lua_isnil(L, -2))
    lua_error(L);
  lua_pop(L, 1);
}

/* All that may raise, in one protected call. */
static int run_script(lua_State *L)
{
  invocation *call = lua_touserdata(L, 1);
  open_libraries(L);
  set_package_path(L, call->app, call->script);
  set_arguments(L, call->app, call->arguments, call->script);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "specbench.coroutine");
  lua_call(L, 1, 0);
  if (call->code)
    load_code(L, call->code);
  else
    load_file(L, call->script);
  int count = 0;
  while (call->arguments[count])
    count++;
  luaL_checkstack(L, count, "too many arguments");
  for (int i = 0; i < count; i++)
    lua_pushstring(L, call->arguments[i]);
  sbl_task *task = sbl_task_spawn(L, count);
  run_to_end(L, call->app, task);
  call->status = sbl_exit_status(L, task, call->script);
  return 0;
}

static int end_tasks(lua_State *L)
{
  sbl_task_cancel_all(L);
  return 0;
}

static int run_protected(lua_State *L, invocation *call)
{
  lua_pushcfunction(L, run_script);
  lua_pushlightuserdata(L, call);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    sbl_print_error(L, call->script);
  lua_pushcfunction(L, end_tasks);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    sbl_print_error(L, call->script);
  return call->status;
}

static int usage(FILE *out, int status)
{
  fputs("usage: specbench COMMAND [OPTIONS]      (specbench help lists the commands)\n"
        "       specbench FILE.lua [ARGUMENTS]\n"
        "       specbench -e CODE [ARGUMENTS]\n",
        out);
  return status;
}

static bool is_script(const char *word)
{
  size_t length = strlen(word);
  return (length > 4 && !strcmp(word + length - 4, ".lua")) || strchr(word, '/');
}

/* What still closes gets its turns; servers that were not stopped are ended by their supervisors. */
static void close_world(application *app, lua_State *L)
{
  sbl_interrupt_unwatch();
  app->world.closing = true;
  lua_close(L);
  sb_http_free(app->world.http);
  sb_loop_free(app->world.loop);
}

static int run(application *app, int argc, char **argv)
{
  if (!sbl_paths_find(&app->paths)) {
    fputs("specbench: no scripts found beside the program: build inside the checkout, install it, or set "
          "SPECBENCH_HOME to the folder that holds scripts/\n",
          stderr);
    return SBL_EXIT_SCRIPT;
  }
  if (argc >= 2 && !strcmp(argv[1], "sim")) {
    char profiles[PATH_MAX + 32];
    snprintf(profiles, sizeof profiles, "%s/runtime/sim/profiles", app->paths.home);
    return sb_sim_main(argc - 1, argv + 1, profiles);
  }
  if (argc < 2)
    return usage(stderr, SBL_EXIT_USAGE);
  if (!strcmp(argv[1], "--version")) {
    printf("specbench " SPECBENCH_VERSION "\n%s, libuv/%s, %s\n", LUA_RELEASE, uv_version_string(),
           sb_dialer_library());
    return EXIT_SUCCESS;
  }
  char script[PATH_MAX + 64];
  snprintf(script, sizeof script, "%s/scripts/dispatch.lua", app->paths.home);
  invocation call = { .app = app, .arguments = argv + 1, .script = script, .status = SBL_EXIT_SCRIPT };
  if (!strcmp(argv[1], "-e")) {
    if (argc < 3)
      return usage(stderr, SBL_EXIT_USAGE);
    snprintf(script, sizeof script, "-e");
    call.code = argv[2];
    call.arguments = argv + 3;
  } else if (is_script(argv[1])) {
    call.arguments = argv + 2;
    snprintf(script, sizeof script, "%s", argv[1]);
    if (access(script, R_OK)) {
      sb_tell(": cannot read script %s", script);
      return SBL_EXIT_USAGE;
    }
  }

  sb_err err = { 0 };
  app->world.loop = sb_loop_new();
  app->world.http = app->world.loop ? sb_http_new(app->world.loop, &err) : NULL;
  lua_State *L = app->world.http ? new_state(app) : NULL;
  if (!L) {
    sb_tell(": cannot start: %s", err.code ? err.text : "no event loop or no memory");
    return SBL_EXIT_SCRIPT;
  }
  sbl_interrupt_watch(&app->world);
  int status = run_protected(L, &call);
  close_world(app, L);
  return status;
}

/* A cell's figures take some megabytes for a moment, again and again: a third of their time went into getting the
 * pages from the kernel each time anew. And each time that one of these is freed, all that lies in fast bins is looked
 * through, which costs more than such bins save. */
static void keep_freed_memory(void)
{
  enum { KEPT_BYTES = 64 << 20 };
  mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
  mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
  mallopt(M_MXFAST, 0);
}

/* A descriptor that the shell closed (2>&-) would be the next one that is opened, a socket or a result's file, and
 * what is written to standard error would go there. */
static void open_standard_descriptors(void)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) /* the lowest free one, which is fd */
      _exit(SBL_EXIT_SCRIPT);
}

int main(int argc, char **argv)
{
  open_standard_descriptors();
  signal(SIGXFSZ,
         SIG_IGN); /* a file as large as it may be is a failed write, which is told; so for the supervisor */
  if (argc >= 2 && !strcmp(argv[1], SB_SUPERVISE))
    return sb_supervisor_main(argc, argv);
  setlocale(LC_CTYPE, "");
  setvbuf(stdout, NULL, _IOLBF,
          BUFSIZ); /* into one file with standard error, neither cuts the other's lines */
  signal(SIGPIPE, SIG_IGN);
  sb_log_init_from_environment();
  sb_file_limit_raise();
  keep_freed_memory();
  uv_replace_allocator(sb_alloc, sb_realloc, sb_calloc, free); /* libuv aborts where it has no memory */
  static application app;
  return run(&app, argc, argv);
}
