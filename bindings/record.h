#ifndef SBL_RECORD_H
#define SBL_RECORD_H

#include "measure/record.h"
#include "sbl.h"

/* Pushes a table of what is known of a request, its chunks and other events among it: sb.Request in meta/sb/measure.lua. */
void sbl_push_record(lua_State *L, const sb_record *record);

#endif
