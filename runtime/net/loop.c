#include "net/loop.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"

/* So many sources are taken from the kernel at a time. */
enum { BATCH = 1024 };

/* After a look that waited for longer there is another: only then is it known what was not ready just now. */
static const int64_t LONG_NS = 100 * SB_NS_PER_US;

struct sb_loop {
  uv_loop_t uv;
  uv_prepare_t alive; /* active only while the loop is held */
  unsigned holds;
  sb_source libuv; /* all that libuv waits for */
  bool libuv_ready;
  sb_deferred *first, **last;
  sb_deferred end; /* marks how far a round of calls goes */
  int set;         /* epoll: the sources */
  struct epoll_event batch[BATCH];
  int batch_size, batch_at;
  sb_turn turn;
  int64_t t_look; /* the last look that reported all that was ready began then */
  LIST_HEAD(, sb_batch_end) batch_ends;
};

static void on_libuv_ready(sb_source *libuv, uint32_t events)
{
  (void)events;
  sb_loop *loop = (sb_loop *)((char *)libuv - offsetof(sb_loop, libuv));
  loop->libuv_ready = true;
}

static void on_alive(uv_prepare_t *prepare)
{
  (void)prepare;
}

sb_loop *sb_loop_new(void)
{
  sb_loop *loop = sb_calloc(1, sizeof *loop);
  if (uv_loop_init(&loop->uv)) {
    free(loop);
    return NULL;
  }
  loop->set = epoll_create1(EPOLL_CLOEXEC);
  loop->libuv.on_ready = on_libuv_ready;
  if (loop->set < 0 || !sb_loop_watch(loop, &loop->libuv, uv_backend_fd(&loop->uv), EPOLLIN)) {
    if (loop->set >= 0)
      close(loop->set);
    uv_loop_close(&loop->uv);
    free(loop);
    return NULL;
  }
  uv_prepare_init(&loop->uv, &loop->alive);
  loop->last = &loop->first;
  loop->t_look = sb_clock_now();
  return loop;
}

void sb_loop_free(sb_loop *loop)
{
  if (!loop)
    return;
  uv_close((uv_handle_t *)&loop->alive, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  close(loop->set);
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
}

bool sb_loop_watch(sb_loop *loop, sb_source *source, int fd, uint32_t events)
{
  struct epoll_event event = { .events = events, .data.ptr = source };
  source->fd = epoll_ctl(loop->set, EPOLL_CTL_ADD, fd, &event) ? -1 : fd;
  return source->fd >= 0;
}

void sb_loop_change(sb_loop *loop, sb_source *source, uint32_t events)
{
  struct epoll_event event = { .events = events, .data.ptr = source };
  epoll_ctl(loop->set, EPOLL_CTL_MOD, source->fd, &event);
}

/* Nor has what is left of the batch in hand to do with it any more. */
void sb_loop_unwatch(sb_loop *loop, sb_source *source)
{
  if (source->fd < 0)
    return;
  epoll_ctl(loop->set, EPOLL_CTL_DEL, source->fd, NULL);
  source->fd = -1;
  for (int i = loop->batch_at; i < loop->batch_size; i++)
    if (loop->batch[i].data.ptr == source)
      loop->batch[i].data.ptr = NULL;
}

void sb_loop_hold(sb_loop *loop)
{
  if (loop->holds++ == 0)
    uv_prepare_start(&loop->alive, on_alive);
}

void sb_loop_let_go(sb_loop *loop)
{
  if (--loop->holds == 0)
    uv_prepare_stop(&loop->alive);
}

const sb_turn *sb_loop_turn(const sb_loop *loop)
{
  return &loop->turn;
}

void sb_loop_on_batch_end(sb_loop *loop, sb_batch_end *end)
{
  LIST_INSERT_HEAD(&loop->batch_ends, end, link);
}

void sb_loop_off_batch_end(sb_batch_end *end)
{
  LIST_REMOVE(end, link);
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

/* libuv counts whole milliseconds from when it was last told the time. */
static void tell_time(sb_loop *loop, int64_t now)
{
  if ((uint64_t)(now / SB_NS_PER_MS) != uv_now(&loop->uv))
    uv_update_time(&loop->uv);
}

/* Adds to the batch what is ready. */
static void look(sb_loop *loop, int timeout)
{
  int64_t t_look = loop->turn.t_ready;
  int room = BATCH - loop->batch_size,
      n = epoll_wait(loop->set, loop->batch + loop->batch_size, room, timeout);
  loop->turn.t_ready = sb_clock_now();
  if (n < 0)
    return;
  loop->batch_size += n;
  if (n < room)
    loop->t_look = t_look;
}

static void take_batch(sb_loop *loop, bool may_wait)
{
  sb_turn *turn = &loop->turn;
  int64_t t_wait = turn->t_ready = sb_clock_now();
  turn->t_empty = loop->t_look;
  tell_time(loop, t_wait);
  loop->batch_size = loop->batch_at = 0;
  look(loop, may_wait ? uv_backend_timeout(&loop->uv) : 0);
  if (loop->batch_size > 0 && loop->batch_size < BATCH && turn->t_ready - t_wait > LONG_NS)
    look(loop, 0);
  tell_time(loop, turn->t_ready);
}

static void handle_batch(sb_loop *loop)
{
  while (loop->batch_at < loop->batch_size) {
    const struct epoll_event *event = &loop->batch[loop->batch_at++];
    sb_source *source = event->data.ptr;
    if (source)
      source->on_ready(source, event->events);
  }
  loop->batch_size = 0;
  sb_batch_end *end;
  LIST_FOREACH (end, &loop->batch_ends, link)
    end->run(end);
}

bool sb_loop_step(sb_loop *loop)
{
  bool ran = run_deferred(loop);
  if (!ran && !uv_loop_alive(&loop->uv))
    return false;
  take_batch(loop, !ran);
  handle_batch(loop);
  if (loop->libuv_ready || uv_backend_timeout(&loop->uv) == 0) {
    loop->libuv_ready = false;
    uv_run(&loop->uv, UV_RUN_NOWAIT);
  }
  return uv_loop_alive(&loop->uv) || loop->first;
}
