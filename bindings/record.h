#ifndef SBL_RECORD_H
#define SBL_RECORD_H

#include <stdbool.h>

#include "measure/record.h"
#include "sbl.h"

/* Pushes a table of what is known of a request, its chunks and other events among it: sb.Request in meta/sb/measure.lua. */
void sbl_push_record(lua_State *L, const sb_record *record);

/* Pushes the texts of answers that were kept as JSON lines, as outputs.jsonl has them; of one that was too long nothing. */
int sbl_push_outputs(lua_State *L, const sb_run *run);

/* Whether these would be the same lines. */
bool sbl_same_outputs(const sb_run *a, const sb_run *b);

#endif
