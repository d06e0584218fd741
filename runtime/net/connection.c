#include "net/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handles.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "net/dial.h"

enum { RECEIVE_BUFFER = 256 * 1024 };

/* libuv takes so many readinesses from the kernel at a time. */
enum { EVENTS_A_WAIT = 1024 };

/* Something between us and the server may have forgotten a connection that rested for longer. */
static const int64_t MAX_REST_NS = 110 * SB_NS_PER_S;

/* A server, and the connections to it that rest. */
typedef struct origin {
  LIST_ENTRY(origin) link;
  LIST_HEAD(, sb_connection) idle; /* last used first */
  char name[];
} origin;

struct sb_connections {
  uv_loop_t *loop;
  const sb_connection_events *events;
  sb_dialer *dialer;
  uv_prepare_t before_wait; /* a new batch of readinesses begins */
  LIST_HEAD(, origin) origins; /* last used first */
  int64_t now;              /* stamp of the batch of readinesses being handled */
  int64_t batch_start;      /* its first stamp; 0 between batches */
  int stamped;              /* how many of that batch were handled; 0: not stamped yet */
  sb_handles handles;
  char buffer[RECEIVE_BUFFER];
};

struct sb_connection {
  uv_poll_t poll;
  sb_connections *owner;
  origin *origin;
  sb_dial *dial;            /* while connecting; later NULL where the socket is ours alone */
  void *user;               /* NULL: in the pool */
  LIST_ENTRY(sb_connection) link; /* in the pool */
  int64_t t_idle;
  int socket;               /* -1 while connecting */
  bool plain, reused, wants_write;
};

static void on_connection_closed(uv_handle_t *handle)
{
  sb_connection *c = handle->data;
  sb_connections *all = c->owner;
  free(c);
  sb_handles_drop(&all->handles);
}

/* All that the kernel reports ready at one moment carries one time, read when the first of it is handled:
 * what the client then spends on each stream is not booked as the later streams' waiting. */
static void on_before_wait(uv_prepare_t *prepare)
{
  sb_connections *all = prepare->data;
  all->stamped = 0;
  all->batch_start = 0;
}

/* The origin of that name, which moves to the front: the next request will most likely go there too. */
static origin *get_origin(sb_connections *all, const char *name)
{
  origin *o;
  LIST_FOREACH(o, &all->origins, link)
    if (!strcmp(o->name, name))
      break;
  if (o) {
    LIST_REMOVE(o, link);
  } else {
    size_t size = strlen(name) + 1;
    o = sb_calloc(1, sizeof *o + size);
    memcpy(o->name, name, size);
  }
  LIST_INSERT_HEAD(&all->origins, o, link);
  return o;
}

void sb_connection_close(sb_connection *c)
{
  bool polled = c->socket >= 0;
  sb_log(SB_LOG_DEBUG, "close %s (socket %d)", c->origin->name, c->socket);
  if (polled) /* before its number may be another thread's socket */
    uv_close((uv_handle_t *)&c->poll, on_connection_closed);
  if (c->dial)
    sb_dial_close(c->dial);
  else if (polled)
    close(c->socket);
  c->dial = NULL;
  c->socket = -1;
  if (!polled)
    free(c);
}

/* In the pool nothing is expected but the end (or, in TLS, the server's housekeeping). */
static void read_idle(sb_connection *c, bool broken)
{
  const char *error;
  char byte;
  ssize_t n = c->dial ? sb_dial_receive(c->dial, &byte, 1, &error) : recv(c->socket, &byte, 1, MSG_DONTWAIT);
  if (!broken && (c->dial ? n == 0 : n < 0 && (errno == EAGAIN || errno == EINTR)))
    return;
  LIST_REMOVE(c, link);
  sb_connection_close(c);
}

/* One receive a readiness: what came meanwhile is reported again. Not so once libuv gave the socket up
 * (`broken`): then what came before the end is read at once. */
static void read_plain(sb_connection *c, bool broken)
{
  sb_connections *all = c->owner;
  ssize_t n;
  while ((n = recv(c->socket, all->buffer, sizeof all->buffer, MSG_DONTWAIT)) > 0)
    if (!all->events->on_read(c->user, all->buffer, (size_t)n, all->now) || !broken)
      return;
  if (n == 0 || broken || (errno != EAGAIN && errno != EINTR))
    all->events->on_lost(c->user, n ? strerror(errno) : NULL, all->now);
}

/* TLS may hold bytes that the kernel no longer reports: on until there is nothing more. */
static void read_tls(sb_connection *c, bool broken)
{
  sb_connections *all = c->owner;
  const char *error;
  ssize_t n;
  while ((n = sb_dial_receive(c->dial, all->buffer, sizeof all->buffer, &error)) > 0)
    if (!all->events->on_read(c->user, all->buffer, (size_t)n, all->now))
      return;
  if (n < 0 || broken)
    all->events->on_lost(c->user, error, all->now);
}

static void watch(sb_connection *c, bool wants_write);

static void on_poll(uv_poll_t *poll, int status, int events)
{
  sb_connection *c = poll->data;
  sb_connections *all = c->owner;
  if (all->stamped % EVENTS_A_WAIT == 0)
    all->now = sb_clock_now();
  if (all->stamped++ == 0)
    all->batch_start = all->now;
  if (!c->user) {
    read_idle(c, status < 0);
    return;
  }
  if (c->wants_write && (events & UV_WRITABLE)) {
    watch(c, false);
    all->events->on_writable(c->user);
  }
  if (!(events & UV_READABLE) && status >= 0)
    return;
  if (c->dial)
    read_tls(c, status < 0);
  else
    read_plain(c, status < 0);
}

static void watch(sb_connection *c, bool wants_write)
{
  c->wants_write = wants_write;
  uv_poll_start(&c->poll, UV_READABLE | (wants_write ? UV_WRITABLE : 0), on_poll);
}

static void on_dialled(void *context, const char *error)
{
  sb_connection *c = context;
  void *user = c->user;
  const sb_connection_events *events = c->owner->events;
  if (!error) {
    int socket = c->plain ? sb_dial_take_socket(c->dial) : sb_dial_socket(c->dial);
    if (c->plain)
      c->dial = NULL;
    if (!uv_poll_init_socket(c->owner->loop, &c->poll, socket)) {
      c->socket = socket;
      c->poll.data = c;
      sb_handles_add(&c->owner->handles);
      watch(c, false);
      events->on_open(user, NULL);
      return;
    }
    if (c->plain)
      close(socket);
    error = "the event loop refuses the socket";
  }
  char text[256];
  snprintf(text, sizeof text, "%s", error);
  sb_connection_close(c);
  events->on_open(user, text);
}

sb_connections *sb_connections_new(sb_loop *loop, const sb_connection_events *events, sb_err *err)
{
  sb_dialer *dialer = sb_dialer_new(loop, err);
  if (!dialer)
    return NULL;
  sb_connections *all = sb_alloc(sizeof *all);
  memset(all, 0, offsetof(sb_connections, buffer));
  all->loop = sb_loop_uv(loop);
  all->events = events;
  all->dialer = dialer;
  uv_prepare_init(all->loop, &all->before_wait);
  all->before_wait.data = all;
  all->handles = sb_handles_of(all, 1, free);
  uv_prepare_start(&all->before_wait, on_before_wait);
  uv_unref((uv_handle_t *)&all->before_wait); /* it alone keeps no loop alive */
  return all;
}

void sb_connections_free(sb_connections *all)
{
  if (!all)
    return;
  origin *o;
  while ((o = LIST_FIRST(&all->origins))) {
    sb_connection *c;
    while ((c = LIST_FIRST(&o->idle))) {
      LIST_REMOVE(c, link);
      sb_connection_close(c);
    }
    LIST_REMOVE(o, link);
    free(o);
  }
  sb_dialer_free(all->dialer);
  sb_handles_close(&all->handles, (uv_handle_t *)&all->before_wait);
  sb_handles_drop(&all->handles);
}

/* The connection of the pool that was used last. */
static sb_connection *take_idle(origin *o)
{
  int64_t now = LIST_EMPTY(&o->idle) ? 0 : sb_clock_now();
  sb_connection *c;
  while ((c = LIST_FIRST(&o->idle))) {
    LIST_REMOVE(c, link);
    if (now - c->t_idle < MAX_REST_NS)
      return c;
    sb_connection_close(c);
  }
  return NULL;
}

sb_connection *sb_connections_get(sb_connections *all, const char *name, bool fresh, void *user, sb_err *err)
{
  origin *o = get_origin(all, name);
  sb_connection *c = fresh ? NULL : take_idle(o);
  if (c) {
    c->user = user;
    c->reused = true;
    sb_log(SB_LOG_DEBUG, "reuse %s (socket %d)", name, c->socket);
    uv_ref((uv_handle_t *)&c->poll);
    return c;
  }
  c = sb_calloc(1, sizeof *c);
  c->owner = all;
  c->origin = o;
  c->user = user;
  c->socket = -1;
  c->plain = sb_dialer_is_plain(name);
  c->dial = sb_dial_start(all->dialer, name, on_dialled, c, err);
  if (c->dial)
    return c;
  sb_connection_close(c);
  return NULL;
}

bool sb_connection_is_open(const sb_connection *c)
{
  return c->socket >= 0;
}

bool sb_connection_is_reused(const sb_connection *c)
{
  return c->reused;
}

static ssize_t send_tls(sb_connection *c, const struct iovec *parts, int count)
{
  size_t sent = 0;
  for (int i = 0; i < count; i++) {
    const char *data = parts[i].iov_base, *error;
    for (size_t at = 0; at < parts[i].iov_len;) {
      ssize_t n = sb_dial_send(c->dial, data + at, parts[i].iov_len - at, &error);
      if (n <= 0)
        return n < 0 ? n : (ssize_t)sent;
      at += (size_t)n;
      sent += (size_t)n;
    }
  }
  return (ssize_t)sent;
}

ssize_t sb_connection_send(sb_connection *c, const struct iovec *parts, int count)
{
  size_t all = 0;
  for (int i = 0; i < count; i++)
    all += parts[i].iov_len;
  ssize_t n;
  if (c->dial) {
    n = send_tls(c, parts, count);
  } else {
    struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
    n = sendmsg(c->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      n = 0;
  }
  if (n >= 0 && (size_t)n < all)
    watch(c, true);
  return n;
}

void sb_connection_release(sb_connection *c)
{
  origin *o = c->origin;
  if (c->wants_write)
    watch(c, false);
  c->user = NULL;
  c->t_idle = sb_clock_now();
  LIST_INSERT_HEAD(&o->idle, c, link);
  uv_unref((uv_handle_t *)&c->poll); /* it alone keeps no loop alive */
}

int64_t sb_connections_batch_start(const sb_connections *all)
{
  return all->batch_start;
}
