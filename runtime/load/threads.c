#include "load/threads.h"

#include <stdlib.h>

#include "base/strbuf.h"
#include "net/loop.h"

typedef struct worker {
  sb_threads *owner;
  uv_thread_t thread;
  sb_loop *loop;
  sb_http *http;
  sb_shard *shard; /* NULL once it has ended */
  uv_async_t
      cancelled; /* keeps no loop alive; closed once the thread is gone, so that it may always be sent to */
} worker;

struct sb_threads {
  worker *workers;
  uint32_t count, running; /* running: threads to be joined; they are the first ones */
  atomic_uint busy;        /* threads that have not come to their end */
  uv_async_t ended;        /* on the caller's loop: the last thread comes to its end */
  void (*on_end)(void *context);
  void *context;
};

/* The shard has ended: without it and its client the loop has nothing to wait for, and the thread ends. */
static void close_shard(worker *w)
{
  sb_shard_free(w->shard);
  sb_http_free(w->http);
  w->shard = NULL;
  w->http = NULL;
}

static void on_shard_end(void *context)
{
  close_shard(context);
}

static void on_cancelled(uv_async_t *async)
{
  worker *w = async->data;
  if (!w->shard)
    return;
  sb_shard_cancel(w->shard);
  close_shard(w);
}

static void work(void *argument)
{
  worker *w = argument;
  sb_threads *threads = w->owner;
  sb_shard_start(w->shard);
  while (sb_loop_step(w->loop))
    continue;
  if (atomic_fetch_sub(&threads->busy, 1) == 1)
    uv_async_send(&threads->ended);
}

/* Waits for the threads. Their loops are the caller's then, who closes what is left on them. */
static void join(sb_threads *threads)
{
  for (uint32_t i = 0; i < threads->running; i++)
    uv_thread_join(&threads->workers[i].thread);
  threads->running = 0;
  for (uint32_t i = 0; i < threads->count; i++) {
    worker *w = &threads->workers[i];
    close_shard(w); /* of a thread that never started */
    uv_close((uv_handle_t *)&w->cancelled, NULL);
    sb_loop_free(w->loop);
  }
  threads->count = 0;
}

static void on_ended(uv_async_t *async)
{
  sb_threads *threads = async->data;
  if (!threads->count) /* cancelled after the last thread had sent this */
    return;
  join(threads);
  threads->on_end(threads->context);
}

static void on_ended_closed(uv_handle_t *handle)
{
  sb_threads *threads = handle->data;
  free(threads->workers);
  free(threads);
}

/* Loop, client and shard are made before the thread is: what cannot be had is told at once. */
static int prepare(worker *w, sb_shard_plan *plan, uint32_t index, sb_err *err)
{
  w->loop = sb_loop_new();
  if (!w->loop)
    return sb_err_set(err, SB_EIO, "cannot make an event loop for I/O thread %u (too many open files?)",
                      index + 1);
  uv_loop_t *loop = sb_loop_uv(w->loop);
  int rc = uv_async_init(loop, &w->cancelled, on_cancelled);
  if (rc) {
    sb_loop_free(w->loop);
    return sb_err_sys(err, -rc, "cannot make an event loop for I/O thread %u", index + 1);
  }
  uv_unref((uv_handle_t *)&w->cancelled);
  w->cancelled.data = w;
  w->owner->count++; /* from here on join() cleans up */
  w->http = sb_http_new(w->loop, err);
  if (!w->http)
    return SB_EIO;
  w->shard = sb_shard_new(w->loop, w->http, plan, index, on_shard_end, w, err);
  return w->shard ? SB_OK : SB_EIO;
}

static int start_all(sb_threads *threads, sb_shard_plan *plan, sb_err *err)
{
  for (uint32_t i = 0; i < plan->shards; i++) {
    threads->workers[i].owner = threads;
    if (prepare(&threads->workers[i], plan, i, err))
      return SB_EIO;
  }
  for (uint32_t i = 0; i < plan->shards; i++) {
    int rc = uv_thread_create(&threads->workers[i].thread, work, &threads->workers[i]);
    if (rc)
      return sb_err_sys(err, -rc, "cannot start a thread for I/O thread %u", i + 1);
    threads->running++;
  }
  return SB_OK;
}

sb_threads *sb_threads_start(sb_loop *loop, sb_shard_plan *plan, void (*on_end)(void *context), void *context,
                             sb_err *err)
{
  sb_threads *threads = sb_calloc(1, sizeof *threads);
  threads->on_end = on_end;
  threads->context = context;
  threads->workers = sb_calloc(plan->shards, sizeof *threads->workers);
  atomic_init(&threads->busy, plan->shards);
  int rc = uv_async_init(sb_loop_uv(loop), &threads->ended, on_ended);
  if (rc) {
    sb_err_sys(err, -rc, "cannot make an event loop for I/O threads");
    free(threads->workers);
    free(threads);
    return NULL;
  }
  threads->ended.data = threads;
  if (start_all(threads, plan, err)) {
    sb_threads_cancel(threads);
    sb_threads_free(threads);
    return NULL;
  }
  return threads;
}

void sb_threads_cancel(sb_threads *threads)
{
  for (uint32_t i = 0; i < threads->running; i++)
    uv_async_send(&threads->workers[i].cancelled);
  join(threads);
}

void sb_threads_free(sb_threads *threads)
{
  if (threads)
    uv_close((uv_handle_t *)&threads->ended, on_ended_closed);
}
