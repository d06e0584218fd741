#ifndef LOOP_POLL_H
#define LOOP_POLL_H

#include "net/loop.h"

static inline void loop_poll_nothing(sb_deferred *self)
{
  (void)self;
}

/* sb_loop_step that does not wait: it does not where a call was deferred. */
static inline bool loop_poll(sb_loop *loop)
{
  sb_deferred nothing = { .run = loop_poll_nothing };
  sb_loop_defer(loop, &nothing);
  return sb_loop_step(loop);
}

#endif
