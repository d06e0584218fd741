#ifndef SBL_TASK_H
#define SBL_TASK_H

#include "sbl.h"

/* Tasks: one coroutine each, resumed from the loop and nowhere else. */

typedef struct sbl_task sbl_task;

/* Pops a function and the `arguments` above it, makes them a task that runs in the next turn, pushes it. */
sbl_task *sbl_task_spawn(lua_State *L, int arguments);

typedef enum sbl_task_state {
  SBL_TASK_READY,
  SBL_TASK_RUNNING,
  SBL_TASK_WAITING,
  SBL_TASK_FINISHED,
  SBL_TASK_FAILED,
  SBL_TASK_CANCELED
} sbl_task_state;

sbl_task_state sbl_task_get_state(const sbl_task *task);

/* Cancels it as task:cancel() does; no effect once it ended. Raises nothing. */
void sbl_task_cancel(lua_State *L, sbl_task *task);

/* Cancels every task that has not ended. */
void sbl_task_cancel_all(lua_State *L);

/* Pushes the error of a failed task (a string with a traceback, or what was raised), the first result, or nil, of one
 * that has finished. */
void sbl_task_push_result(lua_State *L, sbl_task *task);

#endif
