#ifndef SBL_MEASURE_H
#define SBL_MEASURE_H

#include "measure/record.h"
#include "sbl.h"

/* Pushes the run as a userdata that owns it. */
void sbl_push_run(lua_State *L, sb_run *run);

/* The run at `index`; raises where there is none. */
sb_run *sbl_check_run(lua_State *L, int index);

#endif
