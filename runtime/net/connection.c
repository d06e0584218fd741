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
#include "net/segments.h"

enum { RECEIVE_BUFFER = 256 * 1024 };

/* So many readinesses are taken from the kernel at a time. The set of sockets is our own and not libuv's, so that a
 * batch is what was ready at one moment. */
enum { BATCH = 1024 };

/* Two looks at the two clocks that are further apart say nothing of their difference; a difference that moves faster
 * than clocks are slewed was set. */
static const int64_t PAIR_NS = 3 * 1000, STEP_NS = 100 * 1000;
static const int64_t SLEW_PART = 1000;

static const int64_t TURNS_NS = SB_NS_PER_S;

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
  int64_t now;                 /* stamp of the batch of readinesses being handled */
  int64_t batch_start;         /* the same; 0 between batches */
  int64_t t_wait;              /* when the loop began to wait */
  int64_t t_empty;             /* sockets that are reported from now on had nothing to read then */
  int64_t real_ahead;          /* CLOCK_REALTIME less CLOCK_MONOTONIC at the batch's beginning */
  int64_t t_paired;            /* when that was last found; 0: never */
  bool paired, looked;         /* it holds for this batch; the set was looked at in this turn */
  int64_t t_turns_wanted;      /* the last time; 0: never */
  sb_arrival arrival;
  sb_connection *reading; /* of the arrival, where its socket is ours alone; else NULL */
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
  int64_t t_empty; /* where the last read left something: since when it had not been seen empty; else 0 */
  int socket;      /* -1 while connecting */
  uint64_t bytes_read;
  uint32_t reads, counted_reads,
      counted_segments; /* all; and when segments were counted last, with their number */
  bool counted;         /* that holds: at the start, and where nothing was left unread */
  bool plain, reused, wants_write;
};

static void free_all(void *owner)
{
  sb_connections *all = owner;
  close(all->set);
  free(all);
}

/* Sockets that were not reported in the turn before had nothing to read when it began to wait. */
static void on_before_wait(uv_prepare_t *prepare)
{
  sb_connections *all = prepare->data;
  if (!all->looked && all->t_wait > all->t_empty)
    all->t_empty = all->t_wait;
  all->looked = false;
  all->t_wait = sb_clock_now();
  all->batch_start = 0;
}

/* The kernel stamps in CLOCK_REALTIME: how far that is ahead, anew for each batch. Void where the clock was set since
 * the batch before, for a stamp may be from either side, and where we were put aside between two looks. */
static void pair_clocks(sb_connections *all)
{
  int64_t before, real, after;
  for (int i = 0; i < 3; i++) {
    before = sb_clock_now();
    real = sb_clock_wall();
    after = sb_clock_now();
    if (i == 0)
      all->now = after;
    all->paired = after - before < PAIR_NS;
    if (all->paired)
      break;
  }
  if (!all->paired)
    return;
  int64_t ahead = real - before - (after - before) / 2, moved = ahead - all->real_ahead;
  int64_t slewed = STEP_NS + (after - all->t_paired) / SLEW_PART;
  all->paired = all->t_paired && moved < slewed && moved > -slewed;
  all->real_ahead = ahead;
  all->t_paired = after;
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

/* The kernel's stamp of what was received last, on our clock; 0: there is none, or it cannot be told. */
static int64_t stamp_of(const sb_connections *all, struct msghdr *message)
{
  struct cmsghdr *control = CMSG_FIRSTHDR(message);
  struct timespec stamp;
  if (!all->paired || !control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
    return 0;
  memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
  return (int64_t)stamp.tv_sec * SB_NS_PER_S + stamp.tv_nsec - all->real_ahead;
}

static ssize_t receive(sb_connection *c)
{
  sb_connections *all = c->owner;
  union {
    char bytes[CMSG_SPACE(sizeof(struct timespec))];
    struct cmsghdr align;
  } control;
  struct iovec part = { all->buffer, sizeof all->buffer };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  ssize_t n = recvmsg(c->socket, &message, MSG_DONTWAIT);
  if (n <= 0)
    return n;
  int64_t stamp = stamp_of(all, &message), now = stamp ? sb_clock_now() : 0,
          empty = c->t_empty ? c->t_empty : all->t_empty;
  if (stamp > now) /* by what the clocks' pairing is off */
    stamp = now;
  all->arrival = (sb_arrival){ .t_ns = stamp ? stamp : all->now, .t_empty = empty, .by_kernel = stamp != 0 };
  c->t_empty = n == sizeof all->buffer ? empty : 0; /* full: more may have come before we read */
  c->bytes_read += (uint64_t)n;
  c->reads++;
  all->reading = c;
  return n;
}

/* One receive a readiness: what came meanwhile is reported again. Not so once the socket is broken: then what came
 * before the end is read at once. */
static void read_plain(sb_connection *c, bool broken)
{
  sb_connections *all = c->owner;
  ssize_t n;
  while ((n = receive(c)) > 0)
    if (!all->events->on_read(c->user, all->buffer, (size_t)n, all->arrival.t_ns) || !broken)
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
  all->arrival = (sb_arrival){ .t_ns = all->now, .t_empty = all->t_empty };
  all->reading = NULL;
  while ((n = sb_dial_receive(c->dial, all->buffer, sizeof all->buffer, &error)) > 0)
    if (!all->events->on_read(c->user, all->buffer, (size_t)n, all->now))
      return;
  if (n < 0 || broken)
    all->events->on_lost(c->user, error, all->now);
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
  pair_clocks(all);
  all->batch_start = all->now;
  all->looked = true;
  for (all->batch_at = 0; all->batch_at < all->batch_size;) {
    const struct epoll_event *event = &all->batch[all->batch_at++];
    if (event->data.ptr)
      handle(event->data.ptr, event->events);
  }
  if (all->batch_size < BATCH && all->t_empty < t_look) /* full: others may be ready too */
    all->t_empty = t_look;
  all->batch_size = 0;
}

/* Takes the socket into the set. */
static bool enter(sb_connection *c, int socket)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
  int on = 1;
  if (epoll_ctl(c->owner->set, EPOLL_CTL_ADD, socket, &event))
    return false;
  c->socket = socket;
  if (c->plain) /* without: the loop's own time is taken */
    setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
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
    sb_err_sys(err, errno, "no set of sockets to be had");
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
  pair_clocks(all);
  all->t_wait = all->t_empty = all->now;
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
  c->counted = true;
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
  await(c, false); /* it alone keeps no loop alive */
}

int64_t sb_connections_batch_start(const sb_connections *all)
{
  return all->batch_start;
}

const sb_arrival *sb_connections_arrival(const sb_connections *all)
{
  return &all->arrival;
}

/* A read has at least one segment. So if as many came as there were reads since they were counted last, each had one. */
bool sb_connections_one_segment(sb_connections *all)
{
  sb_connection *c = all->reading;
  uint32_t segments;
  uint64_t bytes;
  if (!c || !sb_segments_received(c->socket, &segments, &bytes))
    return false;
  bool all_read = bytes == c->bytes_read;
  bool one = all_read && c->counted && segments - c->counted_segments == c->reads - c->counted_reads;
  c->counted = all_read;
  c->counted_segments = segments;
  c->counted_reads = c->reads;
  return one;
}

void sb_connections_want_turns(sb_connections *all)
{
  all->t_turns_wanted = all->now;
}

bool sb_connections_turns_wanted(const sb_connections *all, int64_t now)
{
  return all->t_turns_wanted && now - all->t_turns_wanted < TURNS_NS;
}
