#ifndef SB_SUPERVISOR_H
#define SB_SUPERVISOR_H

/* The process between specbench and one server. It makes sure that nothing of the server outlives it or
 * specbench: it is the subreaper of all that the server starts, so that orphans and processes with a session
 * of their own stay below it, and it ends them all when told, when the server exits by itself, or when
 * specbench is gone, were it by SIGKILL.
 *
 * A program that uses sb_child_start calls sb_supervisor_main from main() before anything else, with its own
 * arguments, when argv[1] is SB_SUPERVISE:
 *
 *   PROGRAM supervise GRACE_MS TREES LOG_BYTES LOG COMMAND [ARGUMENT...]
 *
 * GRACE_MS is the time between SIGTERM and SIGKILL unless a stop says otherwise. TREES is the folder where the tree is
 * noted while it lives (tree.h), an absolute path; "": nowhere. LOG is the file that descriptor 1 is open on, an
 * absolute path: what the server writes passes through the supervisor, which moves a LOG of LOG_BYTES aside
 * (relay.h); "": what the server writes is not kept. Descriptors 0 to 2,
 * environment and working directory are those of the server. Descriptor 3 is a stream socket to specbench;
 * lines go both ways:
 *
 *   from the supervisor   started PID | failed ERRNO TEXT   the first line
 *                         exited CODE | signalled NUMBER    the server itself, at once
 *                         ended                             no process is left; the supervisor exits
 *   to the supervisor     stop GRACE_MS                     may be repeated: the earliest deadline counts;
 *                                                           0 kills at once
 *
 * End of file on the socket and SIGTERM to the supervisor both mean a stop with the default grace.
 * Returns the exit code: 0, or 2 with a line on standard error for wrong use. */

#define SB_SUPERVISE "supervise"
#define SB_SUPERVISOR_FD 3

int sb_supervisor_main(int argc, char **argv);

#endif
