#ifndef SB_REALTIME_H
#define SB_REALTIME_H

#include <stdbool.h>
#include <stdint.h>

/* While a load runs, its thread goes before everything else on its core (SCHED_FIFO): the kernel likes to wake the
 * reader of a local connection on the very core on which the writer is busy, where it then waits some milliseconds
 * for its turn, and its times with it. Needs root, CAP_SYS_NICE or an RLIMIT_RTPRIO; without them it stays ordinary.
 * Where it must stay ordinary it takes turns as short as the kernel has them (from Linux 6.12 on): they come before
 * others' longer ones, and it needs no more of the CPU than before.
 * Processes and threads that are started meanwhile are ordinary ones. At least half of the CPUs are left to ordinary
 * processes: a server that shares them all with urgent threads would be measured starving. */

/* For the calling thread, one of `threads` that drive a load, as often as there are loads on it. */
void sb_realtime_begin(uint32_t threads);

/* Once for each call of the above, on the same thread; the last one makes it an ordinary thread again. */
void sb_realtime_end(void);

/* Whether the calling thread goes before ordinary ones, whoever gave it that priority. */
bool sb_realtime_is_on(void);

#endif
