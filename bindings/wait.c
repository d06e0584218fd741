#include "wait.h"

#include "task.h"

const char sbl_wait_mark = 'w';

void sbl_wait_check(lua_State *L)
{
  if (!sbl_world_of(L)->current)
    luaL_error(L, "not inside a task: waiting calls need bench.main, task.spawn or a script run by specbench");
  if (!lua_isyieldable(L))
    luaL_error(L, "cannot wait here: inside a callback of table.sort or string.gsub, or while being cancelled");
}

static int resumed(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  sbl_wait *wait = (sbl_wait *)context; // NOLINT: the pointer that sbl_wait_for passed
  return wait->results(L, wait);
}

int sbl_wait_for(lua_State *L, sbl_wait *wait)
{
  if (wait->done)
    return wait->results(L, wait);
  sbl_task *task = sbl_world_of(L)->current;
  wait->task = task;
  sbl_task_suspend(task, wait);
  lua_pushlightuserdata(L, (void *)&sbl_wait_mark);
  return lua_yieldk(L, 1, (lua_KContext)wait, resumed);
}

void sbl_wait_timer(uv_timer_t *timer, uv_timer_cb at_end, int64_t ns)
{
  uv_update_time(timer->loop);
  uv_timer_start(timer, at_end, (uint64_t)((ns + 999999) / 1000000), 0);
}

void sbl_wait_done(sbl_wait *wait)
{
  if (wait->done)
    return;
  wait->done = true;
  sbl_task *task = wait->task;
  wait->task = NULL;
  if (task)
    sbl_task_wake(task);
}
