#ifndef SB_SIM_VIRTUAL_H
#define SB_SIM_VIRTUAL_H

#include "base/err.h"
#include "base/strbuf.h"

/* The simulator without sockets and without waiting: a load goes straight to the engine, and time jumps to its
 * next event. The same command line as `specbench sim`, the same requests, the same records as over HTTP, less
 * what a network and a client add; the same load on the same server gives the same records, byte for byte. */

typedef struct sb_sim_virtual sb_sim_virtual;

/* argv: of `specbench sim`, argv[0] being the subcommand; copied. profiles_dir: where profiles are found by
 * name; may be NULL. NULL and a reason where the options are wrong, or mean something only over HTTP: fixed
 * pacing, a truth log, another speed than 1; or where it would never be ready. Loading takes no time. */
sb_sim_virtual *sb_sim_virtual_new(int argc, char **argv, const char *profiles_dir, sb_err *err);
void sb_sim_virtual_free(sb_sim_virtual *server);

/* The status with which a fault ended it, from 0; -1 while it runs. All requests of later loads are refused. */
int sb_sim_virtual_exit_status(const sb_sim_virtual *server);

/* Why the last load was given up before all was sent, in a line; NULL where it was not. */
const char *sb_sim_virtual_given_up(const sb_sim_virtual *server);

/* Appends the page of GET /metrics. */
void sb_sim_virtual_metrics(const sb_sim_virtual *server, sb_strbuf *out);

#endif
