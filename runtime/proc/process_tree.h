#ifndef SB_PROCESS_TREE_H
#define SB_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who belongs to whom, read from /proc (Linux). A snapshot: processes may start, end and be reparented while
 * it is taken, so who wants to end a tree signals and asks again until nothing is left. Zombies count until
 * they are reaped. Both calls return the number of processes and set *pids to an array that the caller passes
 * to free(); it is NULL where there are none. */

/* Children of `root`, their children and so on, parents first; `root` itself is not among them. */
size_t sb_process_descendants(pid_t root, pid_t **pids);

/* Members of the session `session`, whoever their parents are. */
size_t sb_process_session(pid_t session, pid_t **pids);

bool sb_process_is_among(const pid_t *pids, size_t count, pid_t pid);

#endif
