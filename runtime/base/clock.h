#ifndef SB_CLOCK_H
#define SB_CLOCK_H

#include <stdint.h>

/* The one place time comes from: integer nanoseconds. Nothing else in the tree reads a clock, so a virtual
 * clock can take its place (tests; the simulator takes `now` as an argument and needs none). */

#define SB_NS_PER_US INT64_C(1000)
#define SB_NS_PER_MS INT64_C(1000000)
#define SB_NS_PER_S INT64_C(1000000000)

/* CLOCK_MONOTONIC, or the virtual time while one is installed. */
int64_t sb_clock_now(void);

/* CLOCK_REALTIME, nanoseconds since 1970: one anchor a run, never used for durations. */
int64_t sb_clock_wall(void);

/* CPU time of this process and of the calling thread, user + system. */
int64_t sb_clock_process_cpu(void);
int64_t sb_clock_thread_cpu(void);

/* Installs a virtual clock that stands at *time (NULL: back to the real one). For tests, and only while no I/O
 * thread runs. */
void sb_clock_set_virtual(const int64_t *time);

/* "monotonic" or "virtual": what provenance records. */
const char *sb_clock_source(void);

#endif
