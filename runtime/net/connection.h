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
#include "net/stamps.h"

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
  /* Bytes, with the time at which they arrived, as sb_arrival tells. They may be changed in place. False
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

/* What is known of the arrival of the bytes that on_read is being given, and of the turns of the loop. */
sb_stamps *sb_connections_stamps(sb_connections *connections);

#endif
