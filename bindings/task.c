#include "task.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "interrupt.h"
#include "wait.h"

#define TYPE "specbench.task"

/* uservalues of a task's userdata. What a task leaves (its results, or its error) stays on its thread's stack:
 * ending it takes no memory. */
enum { UV_THREAD = 1, UV_COUNT = UV_THREAD };

/* registry table that keeps tasks alive until they end: task's pointer -> its userdata */
static const char live_tasks;

struct sbl_task {
  sbl_turn turn;
  sbl_world *world;
  lua_State *co;
  sbl_task_state ended; /* how; SBL_TASK_READY: not yet */
  bool closing;         /* its <close> variables run, because it is cancelled */
  const char *trouble;  /* the error of one that has not finished, instead of a value of its thread's */
  sbl_wait_list joiners;
  bool observed; /* somebody saw how it failed */
};

static sbl_task *check_task(lua_State *L, int index)
{
  return luaL_checkudata(L, index, TYPE);
}

static sbl_task *task_of(sb_deferred *call)
{
  return (sbl_task *)((char *)call - offsetof(struct sbl_task, turn.call));
}

static void push_task(lua_State *L, sbl_task *task)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  lua_rawgetp(L, -1, task);
  lua_remove(L, -2);
}

sbl_task_state sbl_task_get_state(const sbl_task *task)
{
  if (task->ended)
    return task->ended;
  if (task->closing || task->world->turn == &task->turn)
    return SBL_TASK_RUNNING;
  return task->turn.call.queued ? SBL_TASK_READY : SBL_TASK_WAITING;
}

/* Closes the coroutine, running its pending <close>; false leaves the error object on its stack. */
static int close_thread(lua_State *co, lua_State *from)
{
#if LUA_VERSION_NUM == 504 && LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, from);
#else
  (void)from;
  return lua_resetthread(co);
#endif
}

/* What it left is on its thread's stack, or is `trouble`. Wakes who joined, lets go of it. */
static void end_task(sbl_task *task, sbl_task_state how, const char *trouble)
{
  lua_State *L = task->world->main;
  task->ended = how;
  task->trouble = trouble;
  if (sbl_wake(&task->joiners, SBL_WAKE_ALL) > 0)
    task->observed = true;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  lua_pushnil(L);
  lua_rawsetp(L, -2, task); /* may be collected from here on */
  lua_pop(L, 1);
}

/* Pushes what is to be said of a module of ours whose file could not be read, as where descriptors are short: no fault
 * of the code, so a line is enough. False: the message is about something else. */
static bool push_unreadable_module(lua_State *L, const char *message)
{
  static const char loading[] = "error loading module '", *const ours[] = { "module 'specbench.",
                                                                            "module 'cjson" };
  const char *reason = strncmp(message, loading, sizeof loading - 1) ? NULL : strstr(message, "\n\tcannot ");
  const char *own = strstr(message, ours[0]), *name = own ? own : strstr(message, ours[1]),
             *end = name ? strstr(name, "' not found:\n") : NULL;
  if (reason) {
    lua_pushstring(L, reason + 2);
    return true;
  }
  if (!end || strchr(message, '\n') < end)
    return false;
  lua_pushlstring(L, name, (size_t)(end - name));
  lua_pushliteral(L, "' cannot be read: its file is missing or cannot be opened");
  lua_concat(L, 2);
  return true;
}

/* (error, thread) -> the error; a message gets the traceback of the thread in which it was raised */
static int add_traceback(lua_State *L)
{
  lua_State *co = lua_touserdata(L, 2);
  lua_settop(L, 1);
  const char *message = lua_tostring(L, 1);
  if (message && !push_unreadable_module(L, message))
    luaL_traceback(L, co, message, 0);
  return 1;
}

/* The error is on top of the thread's stack. */
static void fail_task(sbl_task *task)
{
  lua_State *L = task->world->main, *co = task->co;
  lua_xmove(co, L, 1);
  lua_pushcfunction(L, add_traceback);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, co);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK)
    lua_replace(L, -2);
  else
    lua_pop(L, 1);     /* no memory for a traceback */
  close_thread(co, L); /* an error while closing adds nothing to the one that caused it */
  lua_settop(co, 0);
  lua_xmove(L, co, 1);
  end_task(task, SBL_TASK_FAILED, NULL);
}

static void end_misuse(sbl_task *task)
{
  close_thread(task->co, task->world->main);
  lua_settop(task->co, 0);
  end_task(task, SBL_TASK_FAILED, "coroutine.yield outside a coroutine: a task yields only by waiting");
}

/* The only lua_resume of the project. It is called from the loop, so that nothing here may raise. */
static void run_turn(sb_deferred *call)
{
  sbl_task *task = task_of(call);
  lua_State *L = task->world->main, *co = task->co;
  push_task(L, task); /* stays alive during its turn */
  int arguments = lua_status(co) == LUA_YIELD ? 0 : lua_gettop(co) - 1, results = 0;
  task->world->turn = &task->turn;
  sbl_interrupt_enter(co);
  int status = lua_resume(co, L, arguments, &results);
  sbl_interrupt_leave(NULL);
  task->world->turn = NULL;
  if (status == LUA_YIELD)
    lua_pop(co, results);
  if (status == LUA_OK)
    end_task(task, SBL_TASK_FINISHED, NULL);
  else if (status != LUA_YIELD)
    fail_task(task);
  else if (!task->turn.wait && !sbl_interrupt_stops()) /* it yielded, but not to wait */
    end_misuse(task);
  lua_pop(L, 1);
}

sbl_task *sbl_task_spawn(lua_State *L, int arguments)
{
  sbl_world *world = sbl_world_of(L);
  luaL_checktype(L, -arguments - 1, LUA_TFUNCTION);
  sbl_task *task = lua_newuserdatauv(L, sizeof *task, UV_COUNT);
  *task = (sbl_task){ .world = world, .turn.call.run = run_turn };
  task->co = lua_newthread(L); /* the only one of the project */
  lua_setiuservalue(L, -2, UV_THREAD);
  if (!lua_checkstack(task->co, arguments + 1)) /* that thread has nobody to raise to */
    luaL_error(L, "not enough memory for a task's arguments");
  luaL_setmetatable(L, TYPE);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, task);
  lua_pop(L, 1);
  lua_insert(L, -arguments - 2);
  lua_xmove(L, task->co, arguments + 1);
  sb_loop_defer(world->loop, &task->turn.call);
  return task;
}

void sbl_task_cancel(lua_State *L, sbl_task *task)
{
  if (task->ended)
    return;
  sbl_world *world = task->world;
  sbl_wait_abandon(world, &task->turn);
  /* <close> handlers run now; they are in no task's turn, so they cannot wait */
  sbl_turn *outer = world->turn;
  world->turn = NULL;
  task->closing = true;
  push_task(L, task);
  lua_State *canceller = sbl_interrupt_enter(task->co);
  int status = close_thread(task->co, L);
  sbl_interrupt_leave(canceller);
  if (status != LUA_OK) {
    lua_xmove(task->co, L, 1);
    sb_log(SB_LOG_ERROR, "while closing a cancelled task: %s", sbl_error_text(L));
    lua_pop(L, 1);
  }
  world->turn = outer;
  task->closing = false;
  lua_settop(task->co, 0);
  end_task(task, SBL_TASK_CANCELED, "cancelled");
  lua_pop(L, 1);
}

void sbl_task_cancel_all(lua_State *L)
{
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks) != LUA_TTABLE)
    return; /* the module was never opened */
  for (;;) {
    lua_pushnil(L);
    if (!lua_next(L, -2))
      break;
    sbl_task_cancel(L, check_task(L, -1));
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

/* Pushes value i of what the ended task left. */
static void push_value(lua_State *L, const sbl_task *task, int i)
{
  if (!lua_checkstack(task->co, 1))
    luaL_error(L, "not enough memory");
  lua_pushvalue(task->co, i);
  lua_xmove(task->co, L, 1);
}

static void push_error(lua_State *L, const sbl_task *task)
{
  if (task->trouble)
    lua_pushstring(L, task->trouble);
  else
    push_value(L, task, 1);
}

/* Pushes what the task left: its results, or nil, message, code. */
static int push_outcome(lua_State *L, const sbl_task *task)
{
  if (task->ended != SBL_TASK_FINISHED) {
    lua_pushnil(L);
    push_error(L, task);
    lua_pushstring(L, task->ended == SBL_TASK_CANCELED ? "cancelled" : "error");
    return 3;
  }
  int count = lua_gettop(task->co);
  luaL_checkstack(L, count, "task results");
  for (int i = 1; i <= count; i++)
    push_value(L, task, i);
  return count;
}

void sbl_task_push_result(lua_State *L, sbl_task *task)
{
  task->observed = true;
  if (task->ended != SBL_TASK_FINISHED)
    push_error(L, task);
  else if (lua_gettop(task->co) > 0)
    push_value(L, task, 1);
  else
    lua_pushnil(L);
}

static int spawn(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  sbl_check_open(L);
  sbl_task_spawn(L, lua_gettop(L) - 1);
  return 1;
}

static int join_results(lua_State *L, int how, lua_KContext context)
{
  (void)how;
  (void)context;
  return push_outcome(L, check_task(L, 1));
}

static int join(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  lua_settop(L, 1);
  if (task->ended) {
    task->observed = true;
    return push_outcome(L, task);
  }
  sbl_wait_check(L);
  luaL_argcheck(L, &task->turn != sbl_world_of(L)->turn, 1, "a task cannot join itself");
  return sbl_wait_in(L, &task->joiners, -1, join_results, 0);
}

static int cancel(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  luaL_argcheck(L, sbl_task_get_state(task) != SBL_TASK_RUNNING, 1,
                "a task cannot cancel itself: return or raise an error");
  task->observed = task->observed || !task->ended;
  sbl_task_cancel(L, task);
  return 0;
}

static int status(lua_State *L)
{
  static const char *const names[] = { "ready", "running", "waiting", "finished", "failed", "cancelled" };
  lua_pushstring(L, names[sbl_task_get_state(check_task(L, 1))]);
  return 1;
}

/* A failure that nobody joined must not vanish. */
static int collect(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  if (task->ended == SBL_TASK_FAILED && !task->observed && !sbl_interrupted()) {
    sbl_task_push_result(L, task);
    sb_log(SB_LOG_ERROR, "a task failed and nobody joined it: %s", sbl_error_text(L));
  }
  return 0;
}

static int to_string(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  lua_pushfstring(L, "task: %p", (void *)task);
  return 1;
}

static int current(lua_State *L)
{
  sbl_turn *turn = sbl_world_of(L)->turn;
  if (turn)
    push_task(L, task_of(&turn->call));
  else
    lua_pushnil(L);
  return 1;
}

/* enter(co?) -> whether the program is being interrupted: co's code runs from here on, nil: the caller's own */
static int enter(lua_State *L)
{
  if (lua_isthread(L, 1))
    sbl_interrupt_enter(lua_tothread(L, 1));
  else
    sbl_interrupt_leave(L);
  lua_pushboolean(L, sbl_interrupt_stops());
  return 1;
}

/* abandon(): what the running task has begun to wait for is given up, because it cannot yield from where it is */
static int abandon(lua_State *L)
{
  sbl_world *world = sbl_world_of(L);
  if (world->turn)
    sbl_wait_abandon(world, world->turn);
  return 0;
}

static int sleep_results(lua_State *L, int how, lua_KContext context)
{
  (void)L;
  (void)how;
  (void)context;
  return 0;
}

static int sleep_task(lua_State *L)
{
  int64_t ns = sbl_seconds(L, luaL_checknumber(L, 1), "seconds to sleep");
  return sbl_wait_in(L, NULL, ns, sleep_results, 0);
}

int sbl_open_task(lua_State *L)
{
  static const luaL_Reg methods[] = { { "join", join },    { "cancel", cancel },  { "status", status },
                                      { "__gc", collect }, { "__close", cancel }, { "__tostring", to_string },
                                      { NULL, NULL } };
  static const luaL_Reg functions[] = { { "spawn", spawn }, { "sleep", sleep_task }, { "current", current },
                                        { "enter", enter }, { "abandon", abandon },  { NULL, NULL } };
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &live_tasks);
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, (void *)&sbl_wait_mark);
  lua_setfield(L, -2, "waiting");
  return 1;
}
