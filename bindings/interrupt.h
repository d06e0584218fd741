#ifndef SBL_INTERRUPT_H
#define SBL_INTERRUPT_H

#include "sbl.h"

/* SIGINT and SIGTERM, wherever the program is when they come:
 *
 *   it waits in the loop           the loop wakes up
 *   Lua runs                       it has a second to come back to the loop, so that nothing is cut in the middle;
 *                                  then the coroutine yields at its next instruction and never goes on; inside a
 *                                  callback of C code that cannot be yielded across, "interrupted" is raised
 *   it is stuck in a write         the call ends with EINTR, again each second: a pipe that nobody reads holds up
 *                                  nothing for longer
 *   C code of Lua's runs           nothing, until it returns (string.find with a pattern that goes astray)
 *
 * The first one is only noted; whoever runs the loop asks sbl_interrupted and ends what there is in good order. The
 * second one ends the process at once; the supervisors end the servers. One world a process, on one thread. */

/* To be called once, on the thread of the loop. */
void sbl_interrupt_watch(sbl_world *world);

/* From here on signals wake no loop and reach no Lua; the second one still ends the process. */
void sbl_interrupt_unwatch(void);

bool sbl_interrupted(void);

/* Whether the second is over and Lua code is being stopped. */
bool sbl_interrupt_stops(void);

/* The code of L begins to run, or goes on. Returns whose ran before. */
lua_State *sbl_interrupt_enter(lua_State *L);

/* Back to L (NULL: none), whose code is the caller of what ran: it asks sbl_interrupted, or will be reached by the
 * signal's next second. */
void sbl_interrupt_leave(lua_State *L);

/* What an interrupted program still runs, it runs to its end: the closing of variables. */
void sbl_interrupt_let_run(void);

#endif
