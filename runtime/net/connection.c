#include "net/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handles.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "net/dial.h"
#include "net/stamps.h"

enum { RECEIVE_BUFFER = 256 * 1024 };

/* So many readinesses are taken from the kernel at a time. The set of sockets is our own and not libuv's, so that a
 * batch is what was ready at one moment. */
enum { BATCH = 1024 };

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
  uv_prepare_t before_wait; /* a new turn of the loop begins */
  int set;                  /* epoll: the sockets */
  uv_poll_t poll;           /* of the set */
  int awaited;              /* connections that keep the loop alive */
  struct epoll_event batch[BATCH];
  int batch_size, batch_at;
  LIST_HEAD(, origin) origins; /* last used first */
  sb_stamps stamps;
  sb_handles handles;
  char buffer[RECEIVE_BUFFER];
};

struct sb_connection {
  sb_connections *owner;
  origin *origin;
  sb_dial *dial;                  /* while connecting; later NULL where the socket is ours alone */
  void *user;                     /* NULL: in the pool */
  LIST_ENTRY(sb_connection) link; /* in the pool */
  int64_t t_idle;
  int socket; /* -1 while connecting */
  sb_stamped stamped;
  bool plain, reused, wants_write;
  bool has_more; /* was read beyond the bytes in hand */
};

static void free_all(void *owner)
{
  sb_connections *all = owner;
  close(all->set);
  free(all);
}

static void on_before_wait(uv_prepare_t *prepare)
{
  sb_stamps_turn(&((sb_connections *)prepare->data)->stamps);
}

/* The origin of that name, which moves to the front: the next request will most likely go there too. */
static origin *get_origin(sb_connections *all, const char *name)
{
  origin *o;
  LIST_FOREACH (o, &all->origins, link)
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

static void await(sb_connection *c, bool awaited)
{
  sb_connections *all = c->owner;
  all->awaited += awaited ? 1 : -1;
  if (all->awaited)
    uv_ref((uv_handle_t *)&all->poll);
  else
    uv_unref((uv_handle_t *)&all->poll);
}

/* What is left of the batch in hand has nothing to do with it any more. */
static void forget(const sb_connection *c)
{
  sb_connections *all = c->owner;
  for (int i = all->batch_at; i < all->batch_size; i++)
    if (all->batch[i].data.ptr == c)
      all->batch[i].data.ptr = NULL;
}

void sb_connection_close(sb_connection *c)
{
  sb_log(SB_LOG_DEBUG, "close %s (socket %d)", c->origin->name, c->socket);
  if (c->socket >= 0) { /* before its number may be another thread's socket */
    epoll_ctl(c->owner->set, EPOLL_CTL_DEL, c->socket, NULL);
    forget(c);
    if (c->user)
      await(c, false);
  }
  if (c->dial)
    sb_dial_close(c->dial);
  else if (c->socket >= 0)
    close(c->socket);
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

/* One receive a readiness: what came meanwhile is reported again. Not so once the socket is broken: then what came
 * before the end is read at once. */
static void read_plain(sb_connection *c, bool broken)
{
  sb_connections *all = c->owner;
  sb_stamps *stamps = &all->stamps;
  ssize_t n;
  while ((n = sb_stamps_receive(stamps, &c->stamped, c->socket, all->buffer, sizeof all->buffer)) > 0) {
    size_t size, at = 0;
    for (; (size = sb_stamps_next(stamps)); at += size) {
      c->has_more = sb_stamps_has_next(stamps);
      if (!all->events->on_read(c->user, all->buffer + at, size, stamps->arrival.t_ns))
        return;
    }
    if (!broken)
      return;
  }
  if (n == 0 || broken || (errno != EAGAIN && errno != EINTR))
    all->events->on_lost(c->user, n ? strerror(errno) : NULL, all->stamps.now);
}

/* TLS may hold bytes that the kernel no longer reports: on until there is nothing more. */
static void read_tls(sb_connection *c, bool broken)
{
  sb_connections *all = c->owner;
  const char *error;
  ssize_t n;
  sb_stamps_unstamped(&all->stamps);
  while ((n = sb_dial_receive(c->dial, all->buffer, sizeof all->buffer, &error)) > 0)
    if (!all->events->on_read(c->user, all->buffer, (size_t)n, all->stamps.now))
      return;
  if (n < 0 || broken)
    all->events->on_lost(c->user, error, all->stamps.now);
}

static void watch(sb_connection *c, bool wants_write)
{
  struct epoll_event event = { .events = EPOLLIN | (wants_write ? EPOLLOUT : 0u), .data.ptr = c };
  c->wants_write = wants_write;
  epoll_ctl(c->owner->set, EPOLL_CTL_MOD, c->socket, &event);
}

static void handle(sb_connection *c, uint32_t events)
{
  sb_connections *all = c->owner;
  bool broken = events & (EPOLLERR | EPOLLHUP);
  if (!c->user) {
    read_idle(c, broken);
    return;
  }
  if (c->wants_write && (events & EPOLLOUT)) {
    watch(c, false);
    all->events->on_writable(c->user);
  }
  if (!(events & EPOLLIN) && !broken)
    return;
  if (c->dial)
    read_tls(c, broken);
  else
    read_plain(c, broken);
}

/* All that is ready at one moment carries one time, read before the first of it is handled: what the client then
 * spends on each stream is not booked as the later streams' waiting. What is not reported now had nothing to read. */
static void on_ready(uv_poll_t *poll, int status, int ready)
{
  sb_connections *all = poll->data;
  int64_t t_look = sb_clock_now();
  (void)status;
  (void)ready;
  all->batch_size = epoll_wait(all->set, all->batch, BATCH, 0);
  sb_stamps_begin(&all->stamps);
  for (all->batch_at = 0; all->batch_at < all->batch_size;) {
    const struct epoll_event *event = &all->batch[all->batch_at++];
    if (event->data.ptr)
      handle(event->data.ptr, event->events);
  }
  sb_stamps_end(&all->stamps, t_look, all->batch_size < BATCH);
  all->batch_size = 0;
}

/* Takes the socket into the set. */
static bool enter(sb_connection *c, int socket)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
  if (epoll_ctl(c->owner->set, EPOLL_CTL_ADD, socket, &event))
    return false;
  c->socket = socket;
  if (c->plain)
    sb_stamps_ask(socket);
  await(c, true);
  return true;
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
    if (enter(c, socket)) {
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
  int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) {
    sb_err_sys(err, errno, "cannot make a set of sockets");
    return NULL;
  }
  sb_dialer *dialer = sb_dialer_new(loop, err);
  if (!dialer) {
    close(set);
    return NULL;
  }
  sb_connections *all = sb_alloc(sizeof *all);
  memset(all, 0, offsetof(sb_connections, buffer));
  all->loop = sb_loop_uv(loop);
  all->events = events;
  all->dialer = dialer;
  uv_prepare_init(all->loop, &all->before_wait);
  uv_poll_init(all->loop, &all->poll, set);
  all->set = set;
  all->before_wait.data = all->poll.data = all;
  all->handles = sb_handles_of(all, 2, free_all);
  sb_stamps_init(&all->stamps);
  uv_poll_start(&all->poll, UV_READABLE, on_ready);
  uv_unref((uv_handle_t *)&all->poll);
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
  sb_handles_close(&all->handles, (uv_handle_t *)&all->poll);
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
    c->stamped.acknowledges = false; /* sending changes the kernel's ways */
    sb_log(SB_LOG_DEBUG, "reuse %s (socket %d)", name, c->socket);
    await(c, true);
    return c;
  }
  c = sb_calloc(1, sizeof *c);
  c->owner = all;
  c->origin = o;
  c->user = user;
  c->socket = -1;
  c->plain = sb_dialer_is_plain(name);
  c->stamped.counted = true;
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
  if (c->has_more) { /* nobody asked for it */
    sb_connection_close(c);
    return;
  }
  if (c->wants_write)
    watch(c, false);
  c->user = NULL;
  c->t_idle = sb_clock_now();
  LIST_INSERT_HEAD(&o->idle, c, link);
  await(c, false); /* it alone keeps no loop alive */
}

sb_stamps *sb_connections_stamps(sb_connections *all)
{
  return &all->stamps;
}
