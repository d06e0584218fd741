#ifndef SB_PORT_H
#define SB_PORT_H

#include <stdbool.h>

#include "base/err.h"

/* TCP ports for servers that are about to start. `host` is an address or name of this machine ("127.0.0.1",
 * "localhost", "::1"). Both answers are true only for the moment: nothing is reserved. */

/* A port that nobody holds, chosen by the kernel (> 0), or a negative sb_code. */
int sb_free_port(const char *host, sb_err *err);

/* True when a server could not bind the port: it is held, whether or not its holder listens yet, or closed
 * connections still linger on it (some servers bind without SO_REUSEADDR and fail for a minute). Also true
 * where host and port are not bindable at all. */
bool sb_port_taken(const char *host, int port);

#endif
