#include "task.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "interrupt.h"

#define TYPE "specbench.task"

/* uservalues of a task's userdata */
enum { UV_THREAD = 1, UV_RESULTS, UV_COUNT = UV_RESULTS };

/* registry table that keeps tasks alive until they end: task's pointer -> its userdata */
static const char live_tasks;

typedef struct joiner {
  sbl_wait wait;
  sbl_task *target;
  struct joiner *next;
} joiner;

struct sbl_task {
  sbl_world *world;
  lua_State *co;
  sbl_task_state state;
  sbl_wait *wait;        /* what a suspended task waits for, until its turn takes the results */
  sb_deferred turn;      /* its place in the loop's queue while ready */
  joiner *joiners;
  bool observed;         /* somebody saw how it failed */
};

static sbl_task *check_task(lua_State *L, int index)
{
  return luaL_checkudata(L, index, TYPE);
}

static void push_task(lua_State *L, sbl_task *task)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  lua_rawgetp(L, -1, task);
  lua_remove(L, -2);
}

sbl_task_state sbl_task_get_state(const sbl_task *task)
{
  return task->state;
}

void sbl_task_suspend(sbl_task *task, sbl_wait *wait)
{
  task->wait = wait;
  task->state = SBL_TASK_WAITING;
}

void sbl_task_wake(sbl_task *task)
{
  task->state = SBL_TASK_READY;
  sb_loop_defer(task->world->loop, &task->turn);
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

/* The task ended: keep what it left, wake who joined, let go of it. The results are the top `count` values of
 * `from`, moved into a table with field n. */
static void end_task(sbl_task *task, sbl_task_state state, lua_State *from, int count)
{
  lua_State *L = task->world->main;
  luaL_checkstack(from, 3, "task results");
  lua_createtable(from, count, 1);
  lua_insert(from, -count - 1);
  lua_pushinteger(from, count);
  lua_setfield(from, -count - 2, "n");
  for (int i = count; i >= 1; i--)
    lua_rawseti(from, -i - 1, i);
  push_task(L, task);
  if (from != L)
    lua_xmove(from, L, 1);
  else
    lua_rotate(L, -2, 1);
  lua_setiuservalue(L, -2, UV_RESULTS);
  lua_pop(L, 1);

  task->state = state;
  while (task->joiners) {
    joiner *first = task->joiners;
    task->joiners = first->next;
    first->target = NULL;
    task->observed = true;
    sbl_wait_done(&first->wait);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  lua_pushnil(L);
  lua_rawsetp(L, -2, task); /* may be collected from here on */
  lua_pop(L, 1);
}

/* An error message with the traceback of the coroutine in which it was raised. */
static void add_traceback(lua_State *co)
{
  const char *message = lua_tostring(co, -1);
  if (message) {
    luaL_traceback(co, co, message, 0);
    lua_remove(co, -2);
  }
}

/* The only lua_resume of the project. */
static void run_turn(sb_deferred *turn)
{
  sbl_task *task = (sbl_task *)((char *)turn - offsetof(struct sbl_task, turn));
  lua_State *L = task->world->main, *co = task->co;
  push_task(L, task); /* stays alive during its turn */
  int arguments = lua_status(co) == LUA_YIELD ? 0 : lua_gettop(co) - 1, results = 0;
  task->state = SBL_TASK_RUNNING;
  task->wait = NULL;
  task->world->current = task;
  sbl_interrupt_enter(co);
  int status = lua_resume(co, L, arguments, &results);
  sbl_interrupt_leave(NULL);
  task->world->current = NULL;
  if (status == LUA_YIELD) {
    lua_pop(co, results);
    if (task->state == SBL_TASK_RUNNING && sbl_interrupt_stops()) {
      task->state = SBL_TASK_WAITING; /* for its cancelling */
    } else if (task->state == SBL_TASK_RUNNING) { /* it yielded, but not to wait */
      close_thread(co, L);
      lua_settop(co, 0);
      lua_pushliteral(co, "coroutine.yield outside a coroutine: a task yields only by waiting");
      end_task(task, SBL_TASK_FAILED, co, 1);
    }
  } else if (status == LUA_OK) {
    end_task(task, SBL_TASK_FINISHED, co, results);
  } else {
    add_traceback(co);
    lua_xmove(co, L, 1);
    if (close_thread(co, L) != LUA_OK)
      lua_settop(co, 0); /* an error while closing adds nothing to the one that caused it */
    end_task(task, SBL_TASK_FAILED, L, 1);
  }
  lua_pop(L, 1);
}

sbl_task *sbl_task_spawn(lua_State *L, int arguments)
{
  sbl_world *world = sbl_world_of(L);
  luaL_checktype(L, -arguments - 1, LUA_TFUNCTION);
  sbl_task *task = lua_newuserdatauv(L, sizeof *task, UV_COUNT);
  *task = (sbl_task){ .world = world, .state = SBL_TASK_READY, .turn.run = run_turn };
  luaL_setmetatable(L, TYPE);
  task->co = lua_newthread(L); /* the only one of the project */
  lua_setiuservalue(L, -2, UV_THREAD);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, task);
  lua_pop(L, 1);
  lua_insert(L, -arguments - 2);
  luaL_checkstack(task->co, arguments + 1, "task arguments");
  lua_xmove(L, task->co, arguments + 1);
  sb_loop_defer(world->loop, &task->turn);
  return task;
}

static bool has_ended(const sbl_task *task)
{
  return task->state >= SBL_TASK_FINISHED;
}

void sbl_task_cancel(lua_State *L, sbl_task *task)
{
  if (has_ended(task))
    return;
  sbl_world *world = task->world;
  sb_loop_undefer(world->loop, &task->turn);
  if (task->wait) {
    sbl_wait *wait = task->wait;
    task->wait = NULL;
    wait->task = NULL;
    wait->cancel(wait);
  }
  /* <close> handlers run now; they are in no task's turn, so they cannot wait */
  sbl_task *outer = world->current;
  world->current = NULL;
  task->state = SBL_TASK_RUNNING;
  push_task(L, task);
  lua_State *canceller = sbl_interrupt_enter(task->co);
  if (close_thread(task->co, L) != LUA_OK)
    sb_log(SB_LOG_ERROR, "while closing a cancelled task: %s", luaL_tolstring(task->co, -1, NULL));
  sbl_interrupt_leave(canceller);
  world->current = outer;
  lua_settop(task->co, 0);
  lua_pushliteral(task->co, "cancelled");
  end_task(task, SBL_TASK_CANCELED, task->co, 1);
  lua_pop(L, 1);
}

void sbl_task_cancel_all(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_tasks);
  for (;;) {
    lua_pushnil(L);
    if (!lua_next(L, -2))
      break;
    sbl_task_cancel(L, check_task(L, -1));
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

/* Pushes what the task left: its results, or nil, message, code. The userdata is at `index`. */
static int push_outcome(lua_State *L, int index, const sbl_task *task)
{
  lua_getiuservalue(L, index, UV_RESULTS);
  int results = lua_gettop(L);
  if (task->state != SBL_TASK_FINISHED) {
    lua_pushnil(L);
    lua_rawgeti(L, results, 1);
    lua_pushstring(L, task->state == SBL_TASK_CANCELED ? "cancelled" : "error");
    return 3;
  }
  lua_getfield(L, results, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count, "task results");
  for (int i = 1; i <= count; i++)
    lua_rawgeti(L, results, i);
  return count;
}

void sbl_task_push_error(lua_State *L, sbl_task *task)
{
  task->observed = true;
  lua_getiuservalue(L, -1, UV_RESULTS);
  lua_rawgeti(L, -1, 1);
  lua_remove(L, -2);
}

static int spawn(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  sbl_task_spawn(L, lua_gettop(L) - 1);
  return 1;
}

static int join_results(lua_State *L, sbl_wait *wait)
{
  free(wait);
  return push_outcome(L, 1, check_task(L, 1));
}

static void join_cancel(sbl_wait *wait)
{
  joiner *self = (joiner *)wait;
  if (self->target) {
    joiner **at = &self->target->joiners;
    while (*at != self)
      at = &(*at)->next;
    *at = self->next;
  }
  free(self);
}

static int join(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  lua_settop(L, 1);
  if (has_ended(task)) {
    task->observed = true;
    return push_outcome(L, 1, task);
  }
  sbl_wait_check(L);
  luaL_argcheck(L, task != sbl_world_of(L)->current, 1, "a task cannot join itself");
  joiner *self = sb_calloc(1, sizeof *self);
  self->wait.results = join_results;
  self->wait.cancel = join_cancel;
  self->target = task;
  self->next = task->joiners;
  task->joiners = self;
  return sbl_wait_for(L, &self->wait);
}

static int cancel(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  luaL_argcheck(L, task->state != SBL_TASK_RUNNING, 1, "a task cannot cancel itself: return or raise an error");
  task->observed = task->observed || !has_ended(task);
  sbl_task_cancel(L, task);
  return 0;
}

static int status(lua_State *L)
{
  static const char *const names[] = { "ready", "running", "waiting", "finished", "failed", "cancelled" };
  lua_pushstring(L, names[check_task(L, 1)->state]);
  return 1;
}

/* A failure that nobody joined must not vanish. */
static int collect(lua_State *L)
{
  sbl_task *task = check_task(L, 1);
  if (task->state == SBL_TASK_FAILED && !task->observed) {
    lua_settop(L, 1);
    sbl_task_push_error(L, task);
    sb_log(SB_LOG_ERROR, "a task failed and nobody joined it: %s", luaL_tolstring(L, -1, NULL));
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
  sbl_task *task = sbl_world_of(L)->current;
  if (task)
    push_task(L, task);
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

typedef struct sleeper {
  sbl_wait wait;
  uv_timer_t timer;
} sleeper;

static void free_sleeper(uv_handle_t *timer)
{
  free(timer->data);
}

static void on_slept(uv_timer_t *timer)
{
  sleeper *self = timer->data;
  sbl_wait_done(&self->wait);
}

static int sleep_results(lua_State *L, sbl_wait *wait)
{
  (void)L;
  uv_close((uv_handle_t *)&((sleeper *)wait)->timer, free_sleeper);
  return 0;
}

static void sleep_cancel(sbl_wait *wait)
{
  uv_close((uv_handle_t *)&((sleeper *)wait)->timer, free_sleeper);
}

static int sleep_task(lua_State *L)
{
  int64_t ns = sbl_seconds(L, luaL_checknumber(L, 1), "seconds to sleep");
  sbl_wait_check(L);
  uv_loop_t *loop = sb_loop_uv(sbl_world_of(L)->loop);
  sleeper *self = sb_calloc(1, sizeof *self);
  self->wait.results = sleep_results;
  self->wait.cancel = sleep_cancel;
  uv_timer_init(loop, &self->timer);
  self->timer.data = self;
  sbl_wait_timer(&self->timer, on_slept, ns);
  return sbl_wait_for(L, &self->wait);
}

int sbl_open_task(lua_State *L)
{
  static const luaL_Reg methods[] = { { "join", join },       { "cancel", cancel },       { "status", status },
                                      { "__gc", collect },    { "__close", cancel },      { "__tostring", to_string },
                                      { NULL, NULL } };
  static const luaL_Reg functions[] = {
    { "spawn", spawn }, { "sleep", sleep_task }, { "current", current }, { "enter", enter }, { NULL, NULL }
  };
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &live_tasks);
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, (void *)&sbl_wait_mark);
  lua_setfield(L, -2, "waiting");
  return 1;
}
