#ifndef SB_SIM_VIRTUAL_LOAD_H
#define SB_SIM_VIRTUAL_LOAD_H

#include "load/load.h"
#include "sim/virtual.h"

/* Runs a load from its first request to its last answer; the caller owns the run (sb_run_free). Of the options
 * url (its path alone), headers of requests, requests, count, concurrency, arrivals_ns and stream.keep_text
 * count, and, where the server has faults, the deadlines but for the load's own: what nothing ends that way, once
 * nothing else happens, has fallen silent. Nothing is called. Times are those of the server's own clock, which starts
 * at one second and goes on from load to load. NULL where the options make no sense. */
sb_run *sb_sim_virtual_load(sb_sim_virtual *server, const sb_load_options *options, sb_err *err);

#endif
