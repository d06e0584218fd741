#ifndef SBL_WAIT_H
#define SBL_WAIT_H

#include <stdint.h>
#include <uv.h>

#include "sbl.h"

/* The one way a Lua call waits. A blocking function embeds an sbl_wait in memory of its own, arms whatever
 * will end the wait, and ends with
 *
 *   return sbl_wait_for(L, &op->wait);
 *
 * The event's callback calls sbl_wait_done. The operation may be done already when sbl_wait_for is called: it
 * then returns at once. A wait is over exactly once: by done, or by cancel. */
typedef struct sbl_wait {
  sbl_task *task;    /* who waits; NULL before and after */
  bool done;
  /* Pushes the results onto L and returns how many. */
  int (*results)(lua_State *L, struct sbl_wait *wait);
  /* The task is being cancelled: the operation must forget the wait, and may end itself. */
  void (*cancel)(struct sbl_wait *wait);
} sbl_wait;

/* Raises unless L runs inside a task and may yield. Call it before acquiring anything. */
void sbl_wait_check(lua_State *L);

int sbl_wait_for(lua_State *L, sbl_wait *wait);
void sbl_wait_done(sbl_wait *wait);

/* Ends a wait by time: at_end comes in ns nanoseconds, never earlier. The timer is initialised, and the caller's. */
void sbl_wait_timer(uv_timer_t *timer, uv_timer_cb at_end, int64_t ns);

/* The value that a waiting coroutine yields, so that resume and wrap pass the wait on instead of taking it for
 * the script's own yield: the address of this variable as light userdata. */
extern const char sbl_wait_mark;

#endif
