#include "net/loop.h"

#include <stdlib.h>

#include "base/strbuf.h"

struct sb_loop {
  uv_loop_t uv;
  uv_idle_t awake; /* active only while calls are queued: keeps the poll from waiting */
  sb_deferred *first, **last;
  sb_deferred end; /* marks how far a round of calls goes */
};

static void on_awake(uv_idle_t *idle)
{
  (void)idle;
}

sb_loop *sb_loop_new(void)
{
  sb_loop *loop = sb_calloc(1, sizeof *loop);
  if (uv_loop_init(&loop->uv)) {
    free(loop);
    return NULL;
  }
  uv_idle_init(&loop->uv, &loop->awake);
  loop->last = &loop->first;
  return loop;
}

void sb_loop_free(sb_loop *loop)
{
  if (!loop)
    return;
  uv_close((uv_handle_t *)&loop->awake, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  uv_loop_close(&loop->uv);
  free(loop);
}

uv_loop_t *sb_loop_uv(sb_loop *loop)
{
  return &loop->uv;
}

void sb_loop_defer(sb_loop *loop, sb_deferred *call)
{
  if (call->queued)
    return;
  if (!loop->first)
    uv_idle_start(&loop->awake, on_awake);
  call->queued = true;
  call->next = NULL;
  *loop->last = call;
  loop->last = &call->next;
}

void sb_loop_undefer(sb_loop *loop, sb_deferred *call)
{
  if (!call->queued)
    return;
  sb_deferred **at = &loop->first;
  while (*at != call)
    at = &(*at)->next;
  *at = call->next;
  if (!call->next)
    loop->last = at;
  call->queued = false;
  if (!loop->first)
    uv_idle_stop(&loop->awake);
}

/* False where there were none. Calls queued by these calls wait for the next round, so that sockets are never
 * starved. */
static bool run_deferred(sb_loop *loop)
{
  if (!loop->first)
    return false;
  sb_loop_defer(loop, &loop->end);
  while (loop->first != &loop->end) {
    sb_deferred *call = loop->first;
    sb_loop_undefer(loop, call);
    call->run(call);
  }
  sb_loop_undefer(loop, &loop->end);
  return true;
}

bool sb_loop_step(sb_loop *loop)
{
  bool ran = run_deferred(loop);
  return uv_run(&loop->uv, ran ? UV_RUN_NOWAIT : UV_RUN_ONCE) || loop->first;
}
