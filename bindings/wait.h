#ifndef SBL_WAIT_H
#define SBL_WAIT_H

#include <stdint.h>
#include <uv.h>

#include "sbl.h"

/* The one way a Lua call waits. What can be waited for has a list of those who wait:
 *
 *   return sbl_wait_in(L, &process->exit_waits, -1, results, 0);
 *
 * ends a C function, and what happens later calls sbl_wake(&process->exit_waits, SBL_WAKE_ALL). A wait is over
 * exactly once: it is woken, its time runs out, or its task is cancelled. Memory around a list may go once nobody
 * waits in it: whoever waits has the userdata on its stack. */

typedef struct sbl_wait sbl_wait;

/* Those who wait for one thing, first come first. Zero-initialised. */
typedef struct sbl_wait_list {
  sbl_wait *first, *last;
} sbl_wait_list;

/* What of a task is about waiting: its place in the loop's queue, and what it waits for. */
typedef struct sbl_turn {
  sb_deferred call;
  sbl_wait *wait; /* NULL: it does not wait, or its wait is over */
} sbl_turn;

#define SBL_WAKE_ALL SIZE_MAX

/* Raises unless L runs inside a task and may yield. Call it before acquiring anything. */
void sbl_wait_check(lua_State *L);

/* Waits until the list (NULL: none) wakes it, at most ns nanoseconds, never less (negative: without end). Then
 * `results` is called on the same stack, with LUA_YIELD and the context, as lua_yieldk says. Raises as
 * sbl_wait_check. */
int sbl_wait_in(lua_State *L, sbl_wait_list *list, int64_t ns, lua_KFunction results, lua_KContext context);

/* Ends the first `count` waits: their tasks go on in the loop's next turn. Returns how many there were. */
size_t sbl_wake(sbl_wait_list *list, size_t count);

/* For a task that is cancelled: it waits no longer, and is not called again. */
void sbl_wait_abandon(sbl_world *world, sbl_turn *turn);

/* The value that a waiting coroutine yields, so that resume and wrap pass the wait on instead of taking it for
 * the script's own yield: the address of this variable as light userdata. */
extern const char sbl_wait_mark;

#endif
