#ifndef SBL_MEASURE_H
#define SBL_MEASURE_H

#include "measure/record.h"
#include "sbl.h"

/* Pushes a userdata that will own a run; returns where to put it, which comes first: then a lack of memory loses
 * none. */
sb_run **sbl_push_run(lua_State *L);

/* Says to the collector what the run on top of the stack weighs; what a binding returns. */
int sbl_give_run(lua_State *L, const sb_run *run);

/* The run at `index`; raises where there is none. */
sb_run *sbl_check_run(lua_State *L, int index);

#endif
