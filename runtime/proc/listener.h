#ifndef SB_LISTENER_H
#define SB_LISTENER_H

#include <sys/types.h>

/* Whose socket answers at a TCP port of this machine: a server's, or that of a stranger who took the port first or
 * shares it (SO_REUSEPORT). */
typedef enum sb_listener {
  SB_LISTENER_UNKNOWN, /* nobody listens that can be seen (another network namespace, somebody else's process), or a
                            container that is younger than the supervisor */
  SB_LISTENER_OWN, /* processes below the supervisor, and nobody else */
  SB_LISTENER_STRANGER
} sb_listener;

/* `host` is the address that is connected to; *stranger is the pid of one, where it is known, or 0. Linux. */
sb_listener sb_listener_of(const char *host, int port, pid_t supervisor, pid_t *stranger);

#endif
