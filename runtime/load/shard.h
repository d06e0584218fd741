#ifndef SB_SHARD_H
#define SB_SHARD_H

#include <stdatomic.h>
#include <stdint.h>

#include "load/load.h"

/* One loop's part of a load: slots that send requests of the plan and read the answers. The shards of a load
 * share its plan and nothing else; each lives on the thread of its loop, and every record is written by the
 * one shard that took its request.
 *
 * Who sends what: in a closed loop, and in an open one with a bound, a shard with a free slot takes the next
 * request of the plan from one counter, so that requests start in plan order and no more of them are in flight
 * than there are slots. In an open loop without a bound request i belongs to shard i mod shards: every shard
 * sleeps until a time of its own, and nobody is woken for nothing. */

typedef struct sb_shard sb_shard;

/* What a shard says of itself; lives as long as the load. The counts may be read by any thread at any time,
 * the others once the shard has ended. */
typedef struct sb_shard_report {
  atomic_uint_fast64_t sent, done, failed, bytes, tokens;
  int64_t t_end;
  sb_lag_summary lag;
  sb_reads_summary reads;
} sb_shard_report;

/* What the shards of a load share. */
typedef struct sb_shard_plan {
  sb_load_options options;
  sb_run *run;
  uint32_t shards, slots; /* slots: of all shards together */
  sb_patience patience;
  atomic_uint_fast64_t text_room; /* see sb_stream_options */
  atomic_uint next;               /* the request to be taken next, where they are taken from one counter */
  sb_shard_report *reports;       /* one a shard */
} sb_shard_plan;

/* Part `index` of the plan. on_end comes once, from the loop, never from inside start, when nothing is left for
 * this shard to send and all that it sent has ended. NULL where no timer is to be had. */
sb_shard *sb_shard_new(sb_loop *loop, sb_http *http, sb_shard_plan *plan, uint32_t index,
                       void (*on_end)(void *context), void *context, sb_err *err);

/* On the loop's thread from here on. The first requests go out before it returns. */
void sb_shard_start(sb_shard *shard);

/* Ends what is in flight and sends nothing more; on_end is not called. No effect after the end. */
void sb_shard_cancel(sb_shard *shard);

/* After the end, after a cancel or instead of a start. NULL is ignored. */
void sb_shard_free(sb_shard *shard);

#endif
