#ifndef SBL_MEASURE_H
#define SBL_MEASURE_H

#include "measure/record.h"
#include "sbl.h"

/* Pushes a userdata that will own a run; returns where to put it, which comes first: then a lack of memory loses
 * none. */
sb_run **sbl_push_run(lua_State *L);

/* The run at `index`; raises where there is none. */
sb_run *sbl_check_run(lua_State *L, int index);

#endif
