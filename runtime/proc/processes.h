#ifndef SB_PROCESSES_H
#define SB_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who belongs to whom, read from /proc (Linux). A snapshot: processes may start, end and be reparented while
 * it is taken, so who wants to end a tree signals and asks again until nothing is left. Zombies count until they are
 * reaped, where nothing else is said. Each list is the number of processes, and an array in *pids that the caller passes
 * to free(); it is NULL where there are none. */

/* Children of `root`, their children and so on, parents first; `root` itself is not among them. */
size_t sb_process_descendants(pid_t root, pid_t **pids);

/* Members of the session `session`, whoever their parents are. */
size_t sb_process_session(pid_t session, pid_t **pids);

/* All processes that can be seen but those that have ended (zombies among them have). */
size_t sb_processes(pid_t **pids);

/* When the process started, in the kernel's ticks since the machine did: with the pid it names the process for good. 0:
 * there is none, or it has ended. */
unsigned long long sb_process_start(pid_t pid);

/* SIGKILL to all that `list` gives, until it gives nobody new: a process may have started another one after it was
 * listed; once killed it starts none. Returns how many there were; one that hangs in the kernel stays. */
size_t sb_processes_kill(size_t (*list)(const void *of, pid_t **pids), const void *of);

#endif
