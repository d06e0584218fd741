#ifndef SBL_ENDING_H
#define SBL_ENDING_H

#include "sbl.h"
#include "task.h"

/* How a script's end becomes the program's. A script sets the exit status by returning an integer, or by raising
 * { exit = STATUS, message = TEXT or nil }; any other error is told, and is SBL_EXIT_SCRIPT. */

/* Says how a script failed; the error is on top of the stack. */
void sbl_print_error(lua_State *L, const char *script);

/* The status that the ended task asks for; what it raised is told. */
int sbl_exit_status(lua_State *L, sbl_task *task, const char *script);

#endif
