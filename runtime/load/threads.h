#ifndef SB_THREADS_H
#define SB_THREADS_H

#include "load/shard.h"

/* The shards of a load on threads of their own, each with a loop, a client and connections that live as long as
 * the load. Everything here is called on one thread, that of `loop`; nothing that the threads wrote is to be
 * read before they have ended or were cancelled, but for the counts of the reports. */

typedef struct sb_threads sb_threads;

/* plan->shards of them. on_end comes once, from `loop`, when all shards have ended and their threads are gone. */
sb_threads *sb_threads_start(sb_loop *loop, sb_shard_plan *plan, void (*on_end)(void *context), void *context,
                             sb_err *err);

/* Cancels every shard and waits until its thread is gone; on_end is not called. No effect after the end. */
void sb_threads_cancel(sb_threads *threads);

/* After the end or a cancel; NULL is ignored. */
void sb_threads_free(sb_threads *threads);

#endif
