#ifndef SBL_LOAD_INPUT_H
#define SBL_LOAD_INPUT_H

#include "load/load.h"
#include "sbl.h"

/* What a load is made of, read from Lua: alike for one over HTTP and one in virtual time. */

/* Fills out[0..count) from the table of requests at the top of the stack. They borrow their strings and header vectors,
 * which are put into the table at index `anchor` from its place `first` on. Raises where one is wrong. */
void sbl_load_requests(lua_State *L, sb_load_request *out, uint32_t count, int anchor, lua_Integer first);

/* The plan in the table at the top of the stack, { kind = "constant" | "poisson" | "gamma", rate, burstiness?, seed? },
 * into *out, allocated here and the caller's to free, also on failure. 0 or a negative code and the reason. */
int sbl_load_arrivals(lua_State *L, int64_t **out, uint32_t count, sb_err *err);

/* The deadlines among the fields of the options at an index. */
sb_deadlines sbl_load_deadlines(lua_State *L, int index);

#endif
