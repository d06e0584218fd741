#include "net/connection.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "net/dial.h"
#include "net/stamps.h"

enum { RECEIVE_BUFFER = 256 * 1024 };

/* Something between us and the server may have forgotten a connection that rested for longer. */
static const int64_t MAX_REST_NS = 110 * SB_NS_PER_S;

/* A server, and the connections to it that rest. */
typedef struct origin {
  LIST_ENTRY(origin) link;
  LIST_HEAD(, sb_connection) idle; /* last used first */
  char name[];
} origin;

struct sb_connections {
  sb_loop *loop;
  const sb_connection_events *events;
  sb_dialer *dialer;
  LIST_HEAD(, origin) origins; /* last used first */
  sb_stamps stamps;
  sb_batch_end batch_end;
  char buffer[RECEIVE_BUFFER];
};

struct sb_connection {
  sb_source socket; /* not watched while connecting */
  sb_connections *owner;
  sb_dial *dial; /* while connecting; later NULL where the socket is ours alone */
  void *user;    /* NULL: in the pool */
  bool plain, reused, wants_write;
  bool has_more; /* bytes or the end came beyond what is in hand */
  sb_stamped stamped;
  origin *origin;
  LIST_ENTRY(sb_connection) link; /* in the pool */
  int64_t t_idle;
};

static void on_batch_end(sb_batch_end *end)
{
  sb_connections *all = (sb_connections *)((char *)end - offsetof(sb_connections, batch_end));
  if (all->stamps.batch_start)
    sb_stamps_end(&all->stamps);
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

void sb_connection_close(sb_connection *c)
{
  int socket = c->socket.fd;
  sb_log(SB_LOG_DEBUG, "close %s (socket %d)", c->origin->name, socket);
  if (socket >= 0 && c->user)
    sb_loop_let_go(c->owner->loop);
  sb_loop_unwatch(c->owner->loop, &c->socket); /* before its number may be another thread's socket */
  if (c->dial)
    sb_dial_close(c->dial);
  else if (socket >= 0)
    close(socket);
  free(c);
}

/* In the pool nothing is expected but the end (or, in TLS, the server's housekeeping). */
static void read_idle(sb_connection *c, bool broken)
{
  const char *error;
  char byte;
  ssize_t n =
      c->dial ? sb_dial_receive(c->dial, &byte, 1, &error) : recv(c->socket.fd, &byte, 1, MSG_DONTWAIT);
  if (!broken && (c->dial ? n == 0 : n < 0 && (errno == EAGAIN || errno == EINTR)))
    return;
  LIST_REMOVE(c, link);
  sb_connection_close(c);
}

/* One receive a readiness, where it does not fill the buffer: what came meanwhile is reported again. Not so where the end
 * has come, for that is not. */
static void read_plain(sb_connection *c, bool to_end)
{
  sb_connections *all = c->owner;
  sb_stamps *stamps = &all->stamps;
  ssize_t n;
  while ((n = sb_stamps_receive(stamps, &c->stamped, c->socket.fd, all->buffer, sizeof all->buffer)) > 0) {
    bool left = to_end || (size_t)n == sizeof all->buffer;
    size_t size, at = 0;
    for (; (size = sb_stamps_next(stamps)); at += size) {
      c->has_more = left || sb_stamps_has_next(stamps);
      if (!all->events->on_read(c->user, all->buffer + at, size, stamps->arrival.t_ns))
        return;
    }
    if (!left)
      return;
  }
  if (n == 0 || (errno != EAGAIN && errno != EINTR))
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

/* A plain socket is read to its end at each readiness, which then need not be looked for again (EPOLLET). */
static uint32_t wanted(const sb_connection *c)
{
  return EPOLLIN | (c->plain ? EPOLLET | EPOLLRDHUP : 0u);
}

static void watch(sb_connection *c, bool wants_write)
{
  c->wants_write = wants_write;
  sb_loop_change(c->owner->loop, &c->socket, wanted(c) | (wants_write ? EPOLLOUT : 0u));
}

/* All that is ready at one moment carries one time, read before the first of it is handled: what the client then
 * spends on each stream is not booked as the later streams' waiting. */
static void on_ready(sb_source *socket, uint32_t events)
{
  sb_connection *c = (sb_connection *)((char *)socket - offsetof(sb_connection, socket));
  sb_connections *all = c->owner;
  bool broken = events & (EPOLLERR | EPOLLHUP);
  if (!all->stamps.batch_start) {
    const sb_turn *turn = sb_loop_turn(all->loop);
    sb_stamps_begin(&all->stamps, turn->t_ready, turn->t_empty);
  }
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
    read_plain(c, broken || (events & EPOLLRDHUP));
}

/* Takes the socket into the loop. */
static bool enter(sb_connection *c, int socket)
{
  sb_loop *loop = c->owner->loop;
  if (!sb_loop_watch(loop, &c->socket, socket, wanted(c)))
    return false;
  sb_loop_hold(loop);
  if (c->plain)
    sb_stamps_ask(socket);
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
  sb_dialer *dialer = sb_dialer_new(loop, err);
  if (!dialer)
    return NULL;
  sb_connections *all = sb_alloc(sizeof *all);
  memset(all, 0, offsetof(sb_connections, buffer));
  all->loop = loop;
  all->events = events;
  all->dialer = dialer;
  sb_stamps_init(&all->stamps);
  all->batch_end.run = on_batch_end;
  sb_loop_on_batch_end(loop, &all->batch_end);
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
  sb_loop_off_batch_end(&all->batch_end);
  free(all);
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
    sb_log(SB_LOG_DEBUG, "reuse %s (socket %d)", name, c->socket.fd);
    sb_loop_hold(all->loop);
    return c;
  }
  c = sb_calloc(1, sizeof *c);
  c->owner = all;
  c->origin = o;
  c->user = user;
  c->socket = (sb_source){ .on_ready = on_ready, .fd = -1 };
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
  return c->socket.fd >= 0;
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
    n = sendmsg(c->socket.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
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
  sb_loop_let_go(c->owner->loop); /* it alone keeps no loop alive */
}

sb_stamps *sb_connections_stamps(sb_connections *all)
{
  return &all->stamps;
}
