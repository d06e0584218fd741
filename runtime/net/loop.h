#ifndef SB_LOOP_H
#define SB_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* The event loop: one libuv loop, and calls deferred to "after the callbacks of this moment, before waiting
 * again". One thread owns a loop and everything on it. */

typedef struct sb_loop sb_loop;

/* A deferred call. Embedded in its owner, zero-initialised; queueing it twice runs it once. */
typedef struct sb_deferred {
  struct sb_deferred *next;
  void (*run)(struct sb_deferred *self);
  bool queued;
} sb_deferred;

sb_loop *sb_loop_new(void);

/* Runs what is still closing, then frees. Every handle must be closed or closing. */
void sb_loop_free(sb_loop *loop);

uv_loop_t *sb_loop_uv(sb_loop *loop);

void sb_loop_defer(sb_loop *loop, sb_deferred *call);
void sb_loop_undefer(sb_loop *loop, sb_deferred *call); /* takes it back; no effect where not queued */

/* Handles deferred calls, then events; waits for these only where there were no calls, for what the caller goes
 * on for may have come with them. Returns false when nothing is left that could ever happen. */
bool sb_loop_step(sb_loop *loop);

#endif
