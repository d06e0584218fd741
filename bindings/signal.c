#include <stdlib.h>

#include "base/strbuf.h"
#include "wait.h"

/* sb.signal: a place where tasks wait for each other. Semaphores and channels are Lua on top of it. */

#define TYPE "specbench.signal"

typedef struct signal_wait {
  sbl_wait wait;
  struct signal_queue *queue;  /* NULL once woken */
  struct signal_wait *next;
} signal_wait;

typedef struct signal_queue {
  signal_wait *first, **last;
} signal_queue;

static signal_queue *check_signal(lua_State *L)
{
  return luaL_checkudata(L, 1, TYPE);
}

static int new_signal(lua_State *L)
{
  signal_queue *queue = lua_newuserdatauv(L, sizeof *queue, 0);
  queue->first = NULL;
  queue->last = &queue->first;
  luaL_setmetatable(L, TYPE);
  return 1;
}

static void remove_wait(signal_wait *w)
{
  if (!w->queue)
    return;
  signal_wait **at = &w->queue->first;
  while (*at != w)
    at = &(*at)->next;
  *at = w->next;
  if (!w->next)
    w->queue->last = at;
  w->queue = NULL;
}

static int wait_results(lua_State *L, sbl_wait *wait)
{
  (void)L;
  free(wait);
  return 0;
}

static void wait_cancel(sbl_wait *wait)
{
  remove_wait((signal_wait *)wait);
  free(wait);
}

/* wait(): until a notify reaches this task; first come, first woken */
static int wait_signal(lua_State *L)
{
  signal_queue *queue = check_signal(L);
  sbl_wait_check(L);
  signal_wait *w = sb_calloc(1, sizeof *w);
  w->wait.results = wait_results;
  w->wait.cancel = wait_cancel;
  w->queue = queue;
  *queue->last = w;
  queue->last = &w->next;
  return sbl_wait_for(L, &w->wait);
}

/* notify(n?): wakes the n (1) longest waiting tasks; returns how many there were to wake */
static int notify(lua_State *L)
{
  signal_queue *queue = check_signal(L);
  lua_Integer wanted = luaL_optinteger(L, 2, 1), woken = 0;
  while (queue->first && woken < wanted) {
    signal_wait *w = queue->first;
    remove_wait(w);
    sbl_wait_done(&w->wait);
    woken++;
  }
  lua_pushinteger(L, woken);
  return 1;
}

/* A signal that is collected while tasks wait can never be notified: they are cut loose. */
static int collect(lua_State *L)
{
  signal_queue *queue = check_signal(L);
  while (queue->first)
    remove_wait(queue->first);
  return 0;
}

int sbl_open_signal(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "wait", wait_signal }, { "notify", notify }, { "__gc", collect }, { NULL, NULL }
  };
  static const luaL_Reg functions[] = { { "new", new_signal }, { NULL, NULL } };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
