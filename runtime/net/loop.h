#ifndef SB_LOOP_H
#define SB_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

/* The event loop: sources (descriptors that it waits for itself, exactly and at little cost), one libuv loop, which is
 * one of them, and calls deferred to "after the callbacks of this moment, before waiting again". One thread owns a loop
 * and everything on it. */

typedef struct sb_loop sb_loop;

/* A deferred call. Embedded in its owner, zero-initialised; queueing it twice runs it once. */
typedef struct sb_deferred {
  struct sb_deferred *next;
  void (*run)(struct sb_deferred *self);
  bool queued;
} sb_deferred;

/* A descriptor that is waited for. Embedded in its owner. */
typedef struct sb_source {
  void (*on_ready)(struct sb_source *self, uint32_t events); /* of epoll */
  int fd;                                                    /* -1: not watched */
} sb_source;

/* A turn of the loop: one look at the sources, whose callbacks are a batch then. */
typedef struct sb_turn {
  int64_t t_ready; /* when the batch was taken from the kernel */
  int64_t t_empty; /* none of the batch was ready then, when an earlier look reported all that was */
} sb_turn;

/* Who wants to know when a batch was handled. Embedded in its owner. */
typedef struct sb_batch_end {
  LIST_ENTRY(sb_batch_end) link;
  void (*run)(struct sb_batch_end *self);
} sb_batch_end;

/* NULL where the system has no descriptors left. */
sb_loop *sb_loop_new(void);

/* Runs what is still closing, then frees. Every handle must be closed or closing, every source unwatched. */
void sb_loop_free(sb_loop *loop);

/* After a change to its handles from wherever, the loop goes by them in its next turn. */
uv_loop_t *sb_loop_uv(sb_loop *loop);

void sb_loop_defer(sb_loop *loop, sb_deferred *call);
void sb_loop_undefer(sb_loop *loop, sb_deferred *call); /* takes it back; no effect where not queued */

/* Waits for the events of epoll, level-triggered, from now on; again for other events. False where the kernel refuses. */
bool sb_loop_watch(sb_loop *loop, sb_source *source, int fd, uint32_t events);
void sb_loop_change(sb_loop *loop, sb_source *source, uint32_t events);

/* Nothing comes of it any more. Before the descriptor is closed; no effect where it is not watched. */
void sb_loop_unwatch(sb_loop *loop, sb_source *source);

/* A source alone keeps no loop alive: something that its owner waits for does. */
void sb_loop_hold(sb_loop *loop);
void sb_loop_let_go(sb_loop *loop);

/* The turn in hand, or the last. */
const sb_turn *sb_loop_turn(const sb_loop *loop);

void sb_loop_on_batch_end(sb_loop *loop, sb_batch_end *end);
void sb_loop_off_batch_end(sb_batch_end *end);

/* Handles deferred calls, then events; waits for these only where there were no calls, for what the caller goes
 * on for may have come with them. Returns false when nothing is left that could ever happen. */
bool sb_loop_step(sb_loop *loop);

#endif
