#ifndef SB_SIM_SERVER_H
#define SB_SIM_SERVER_H

#include <stdbool.h>

#include "base/err.h"
#include "net/loop.h"
#include "sim/options.h"
#include "sim/profile.h"

/* The simulator as an HTTP server: addresses and paths, the time it takes to load, the pages that need no
 * engine. */

typedef struct sb_sim_server sb_sim_server;

/* Binds, and listens unless it refuses while loading; on_listening is called once it listens. options and
 * profile are borrowed. NULL where the port cannot be had or the truth log not be written. */
sb_sim_server *sb_sim_server_new(sb_loop *loop, const sb_sim_options *options, const sb_sim_profile *profile,
                                 void (*on_listening)(void *context, int port), void *context, sb_err *err);

/* It could not listen once it was loaded, which it has said. */
bool sb_sim_server_gave_up(const sb_sim_server *server);

/* Stops listening, drops every stream, completes the truth log; the loop must run on to free all of it. */
void sb_sim_server_free(sb_sim_server *server);

#endif
