#ifndef SB_RELAY_H
#define SB_RELAY_H

#include <stdint.h>

/* What a server writes to its standard output and error, on its way to a log that does not grow without end: a pipe
 * from the server, which the supervisor empties into the file. A file that has reached its size becomes FILE.1, in
 * place of an earlier one, and a new one begins with a line that says so. A disk that takes nothing more costs lines
 * of the log, never the server: it is not kept waiting, and how much is missing is said once there is room. */

typedef struct sb_relay {
  const char *path; /* "": nothing is relayed */
  int64_t most;     /* bytes of the file */
  int64_t size;     /* of the file */
  int64_t lost;     /* bytes that could not be written since the last that could */
  int source, sink; /* the pipe's ends; -1: closed */
} sb_relay;

/* Standard output is open on the file `path`, an absolute path that outlives the relay; "": nothing is relayed, the
 * server keeps what is open. 0, or -1 and errno. */
int sb_relay_open(sb_relay *relay, const char *path, int64_t most);

/* In the server between fork and exec: its standard output and error are the pipe. */
void sb_relay_enter(const sb_relay *relay);

/* In the supervisor, once the server is forked. */
void sb_relay_begin(sb_relay *relay);

/* What to poll for reading; -1: nothing any more. */
int sb_relay_source(const sb_relay *relay);

/* Passes on what one read brings. */
void sb_relay_pass(sb_relay *relay);

/* Passes on what has been written so far. */
void sb_relay_drain(sb_relay *relay);

#endif
