#ifndef SB_WATCH_H
#define SB_WATCH_H

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

#include "load/stream.h"

/* Ends requests, and whole loads, that nothing more is to be expected of. What counts as an answer are chunks that
 * bring text or tokens: a server that only sends comments, empty events or headers is silent.
 *
 * Time in which the client itself stood still (SIGSTOP, a suspended machine) is nobody's waiting: it is taken out of
 * every deadline, and what waits in the sockets is read before anything is judged again. */

/* What a load waits for at most; 0: for ever. */
typedef struct sb_deadlines {
  int64_t request_ns;     /* from a request's start, connecting included, to its answer's end */
  int64_t first_token_ns; /* ... to the first chunk; not of whole answers */
  int64_t chunk_ns;       /* from a chunk to the next one; of whole answers: without a byte */
  int64_t load_ns;        /* from the load's start to its end */
} sb_deadlines;

/* A request that hangs may be alone in it; so many in a row, and nobody answered meanwhile. */
enum { SB_WATCH_SILENT_IN_ROW = 2 };

/* Why a load sends nothing more. */
typedef enum sb_give_up { SB_GIVE_UP_NO, SB_GIVE_UP_SILENT, SB_GIVE_UP_LATE } sb_give_up;

/* What the loops of a load share. */
typedef struct sb_patience {
  sb_deadlines deadlines;
  int64_t t_start;     /* the load's */
  atomic_uint silent;  /* requests that ended without a chunk in time since a server was last heard of */
  atomic_int given_up; /* an sb_give_up */
} sb_patience;

/* One loop's watch over its streams: embedded in its owner. */
typedef struct sb_watch {
  uv_timer_t timer; /* its data is the owner */
  sb_patience *patience;
  sb_stream *streams;
  uint32_t count;
  int64_t period_ms, due, stood_still;
  void (*on_given_up)(void *owner);
} sb_watch;

/* on_given_up comes, with no stream in flight, again and again until the watch is stopped. */
void sb_watch_init(sb_watch *watch, uv_loop_t *loop, sb_patience *patience, sb_stream *streams,
                   uint32_t count, void (*on_given_up)(void *owner), void *owner);

/* Ends requests (their on_end is called) from the loop until it is stopped. */
void sb_watch_start(sb_watch *watch);
void sb_watch_stop(sb_watch *watch);

sb_give_up sb_patience_given_up(const sb_patience *patience);

#endif
