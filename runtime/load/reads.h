#ifndef SB_READS_H
#define SB_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "load/lag.h"
#include "measure/samples.h"
#include "net/http.h"

/* How far the times of a load's chunks may be off. A read of one event that the kernel stamped has its time, however
 * late it was read, and so have several that came in one segment, or in segments that the kernel did not join (stamps.h).
 * Any other read of several has the last one's time: the first may have come at any moment since the socket was last seen
 * empty, or since the stamp before, but not longer before the read than the thread has worked or waited for its turn; and
 * so may a read without a stamp, whose time is the loop's. */

typedef struct sb_reads {
  sb_lag *lag; /* the loop's; NULL: there is none */
  uint64_t chunks, merged,
      unstamped;     /* all; in reads of several events; in reads that the kernel did not stamp */
  uint64_t vague;    /* may have come so much earlier that more care would tell more */
  sb_samples unsure; /* ms a chunk may have come earlier than its time; those that are sure left out */
} sb_reads;

typedef struct sb_reads_summary {
  uint64_t chunks, merged, unstamped;
  double p99_ms, max_ms; /* over all chunks; NaN without any */
  bool by_kernel;        /* most chunks have the kernel's stamp */
} sb_reads_summary;

/* A read of the http client's has brought so many chunks; alone: the one event that it brought is whole, and nothing
 * else came with it. */
void sb_reads_add(sb_reads *reads, sb_http *http, uint32_t chunks, bool alone);

void sb_reads_summarise(sb_reads *reads, sb_reads_summary *summary);
void sb_reads_deinit(sb_reads *reads);

#endif
