#ifndef SBL_TASK_H
#define SBL_TASK_H

#include "wait.h"

/* Tasks: one coroutine each, resumed from the loop and nowhere else. */

/* For wait.c: the running task now waits; the waiting task goes on in the loop's next turn. */
void sbl_task_suspend(sbl_task *task, sbl_wait *wait);
void sbl_task_wake(sbl_task *task);

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

/* Cancels it as task:cancel() does; no effect once it ended. */
void sbl_task_cancel(lua_State *L, sbl_task *task);

/* Cancels every task that has not ended. */
void sbl_task_cancel_all(lua_State *L);

/* Pushes the error value of a failed task (a string with a traceback, or what was raised). */
void sbl_task_push_error(lua_State *L, sbl_task *task);

#endif
