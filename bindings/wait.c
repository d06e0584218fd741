#include "wait.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/strbuf.h"

const char sbl_wait_mark = 'w';

struct sbl_wait {
  sbl_wait_list *list; /* NULL: it waits for its time alone */
  sbl_wait *next, *previous;
  sbl_turn *turn;
  sbl_world *world;
  uv_timer_t timer;
  bool has_timer;
};

void sbl_wait_check(lua_State *L)
{
  if (!sbl_world_of(L)->turn)
    luaL_error(L,
               "not inside a task: waiting calls need bench.main, task.spawn or a script run by specbench");
  if (!lua_isyieldable(L))
    luaL_error(L,
               "cannot wait here: inside a callback of table.sort or string.gsub, or while being cancelled");
}

static void enter_list(sbl_wait *wait, sbl_wait_list *list)
{
  wait->list = list;
  wait->previous = list->last;
  *(list->last ? &list->last->next : &list->first) = wait;
  list->last = wait;
}

static void leave_list(sbl_wait *wait)
{
  sbl_wait_list *list = wait->list;
  *(wait->previous ? &wait->previous->next : &list->first) = wait->next;
  *(wait->next ? &wait->next->previous : &list->last) = wait->previous;
}

static void free_wait(uv_handle_t *timer)
{
  free(timer->data);
}

static void end_wait(sbl_wait *wait)
{
  if (wait->list)
    leave_list(wait);
  wait->turn->wait = NULL;
  if (wait->has_timer)
    uv_close((uv_handle_t *)&wait->timer, free_wait);
  else
    free(wait);
}

static void go_on(sbl_wait *wait)
{
  sb_loop *loop = wait->world->loop;
  sbl_turn *turn = wait->turn;
  end_wait(wait);
  sb_loop_defer(loop, &turn->call);
}

static void on_time(uv_timer_t *timer)
{
  go_on(timer->data);
}

/* libuv's timers have whole milliseconds and count from the loop's own idea of now, which is rounded down: the moment
 * that is meant is rounded up, not the time to it. */
static void start_timer(sbl_wait *wait, int64_t ns)
{
  uv_loop_t *loop = sb_loop_uv(wait->world->loop);
  uv_timer_init(loop, &wait->timer);
  wait->timer.data = wait;
  wait->has_timer = true;
  uv_update_time(loop);
  int64_t due_ms = (sb_clock_now() + ns + SB_NS_PER_MS - 1) / SB_NS_PER_MS;
  uv_timer_start(&wait->timer, on_time, (uint64_t)due_ms - uv_now(loop), 0);
}

int sbl_wait_in(lua_State *L, sbl_wait_list *list, int64_t ns, lua_KFunction results, lua_KContext context)
{
  sbl_wait_check(L);
  sbl_wait *wait = sb_calloc(1, sizeof *wait);
  wait->world = sbl_world_of(L);
  wait->turn = wait->world->turn;
  wait->turn->wait = wait;
  if (list)
    enter_list(wait, list);
  if (ns >= 0)
    start_timer(wait, ns);
  lua_pushlightuserdata(L, (void *)&sbl_wait_mark);
  return lua_yieldk(L, 1, context, results);
}

size_t sbl_wake(sbl_wait_list *list, size_t count)
{
  size_t woken = 0;
  for (; list->first && woken < count; woken++)
    go_on(list->first);
  return woken;
}

void sbl_wait_abandon(sbl_world *world, sbl_turn *turn)
{
  sb_loop_undefer(world->loop, &turn->call);
  if (turn->wait)
    end_wait(turn->wait);
}
