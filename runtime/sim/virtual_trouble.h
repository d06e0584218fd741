#ifndef SB_SIM_VIRTUAL_TROUBLE_H
#define SB_SIM_VIRTUAL_TROUBLE_H

#include "sim/virtual_state.h"

/* What goes wrong with requests in virtual time: faults of the server, as `specbench sim` plays them over HTTP, and the
 * deadlines that end what they leave hanging, as load/watch judges. */

/* Ends a request that went wrong, with what came of its answer. */
void sb_sim_trouble_fail(sb_sim_load *load, uint32_t index, sb_outcome outcome, const char *error);

/* Ends a request that the server refuses by a status. */
void sb_sim_trouble_refuse(sb_sim_load *load, uint32_t index, int status, const char *message);

/* A fault that strikes before the request is read; true when that was the answer. */
bool sb_sim_trouble_strike_first(sb_sim_load *load, uint32_t index, const sb_sim_fault *fault);

/* A fault strikes in the middle of an answer. */
void sb_sim_trouble_strike(sb_sim_load *load, uint32_t index);

/* The request in flight whose deadline comes first, and when: INT64_MAX where none does. */
uint32_t sb_sim_trouble_next(const sb_sim_load *load, int64_t *due);

/* Ends a request whose deadline has come, and the load where the server has stopped answering. */
void sb_sim_trouble_expire(sb_sim_load *load, uint32_t index);

extern const char sb_sim_trouble_given_up[]; /* why a load is */

#endif
