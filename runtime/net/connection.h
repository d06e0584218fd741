#ifndef SB_CONNECTION_H
#define SB_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <uv.h>

#include "base/err.h"
#include "net/loop.h"

/* The connections of an HTTP client: each serves one request at a time and waits between two of them in the
 * pool of its origin, where it is closed as soon as the server closes it. They share one buffer to receive
 * into. Everything happens on the loop's thread; a connection's user is whatever pointer its request gave. */

typedef struct sb_connections sb_connections;
typedef struct sb_connection sb_connection;

typedef struct sb_connection_events {
  /* The connection stands, or does not: then it is gone. Never from inside sb_connections_get. */
  void (*on_open)(void *user, const char *error);
  /* Room to send again, after sb_connection_send took less than it was given. */
  void (*on_writable)(void *user);
  /* Bytes, with the time at which they arrived, as sb_connections_arrival tells. They may be changed in place. False
   * where the connection was released or closed meanwhile. */
  bool (*on_read)(void *user, char *data, size_t size, int64_t t_ns);
  /* The server closed it (error NULL), or it broke; still to be closed by the user. */
  void (*on_lost)(void *user, const char *error, int64_t t_ns);
} sb_connection_events;

sb_connections *sb_connections_new(sb_loop *loop, const sb_connection_events *events, sb_err *err);

/* After every connection in use was closed; closes those in the pools. NULL is ignored. */
void sb_connections_free(sb_connections *connections);

/* A connection from the pool of the origin ("http://host:port"), or, where there is none or a fresh one is
 * asked for, a new one that on_open tells about. NULL where libcurl refuses. */
sb_connection *sb_connections_get(sb_connections *connections, const char *origin, bool fresh, void *user,
                                  sb_err *err);

bool sb_connection_is_open(const sb_connection *connection);

/* Whether it has served a request before. */
bool sb_connection_is_reused(const sb_connection *connection);

/* Sends what the kernel takes and returns how much that was; where it is not all, on_writable follows. -1: it
 * broke; on_lost follows, after what the server may have sent before. */
ssize_t sb_connection_send(sb_connection *connection, const struct iovec *parts, int count);

/* Ends its use: back to its pool, or closed. */
void sb_connection_release(sb_connection *connection);
void sb_connection_close(sb_connection *connection);

/* Of the bytes that on_read is being given. Where the kernel stamps what it receives (plain TCP) their time is that of
 * the last of them, however late they are read; else the time at which the loop learned of them, which is one for all
 * that was ready at one moment. */
typedef struct sb_arrival {
  int64_t t_ns;    /* CLOCK_MONOTONIC */
  int64_t t_empty; /* a moment not after which nothing of them had come: the first of them came later */
  bool by_kernel;
} sb_arrival;
const sb_arrival *sb_connections_arrival(const sb_connections *connections);

/* Whether the bytes in hand came in one segment: then all of them came at their time. Costs a call of the kernel's; false
 * where it does not tell. */
bool sb_connections_one_segment(sb_connections *connections);

/* The bytes in hand are of several events that may have come too far apart: for a while more turns of the loop, each of
 * which sees sockets empty, would tell more. */
void sb_connections_want_turns(sb_connections *connections);
bool sb_connections_turns_wanted(const sb_connections *connections, int64_t now);

/* When the batch of readinesses in hand began; 0 between batches. */
int64_t sb_connections_batch_start(const sb_connections *connections);

#endif
