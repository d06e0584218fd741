#ifndef SB_HTTPD_H
#define SB_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/err.h"
#include "net/httpd_parser.h"

/* A small HTTP/1.1 server on a libuv loop: keep-alive, pipelining (requests of a connection are answered one
 * after another), Expect: 100-continue, chunked bodies out. Everything happens on the loop's thread. The
 * caller must ignore SIGPIPE. */

typedef struct sb_httpd sb_httpd;
typedef struct sb_httpd_conn sb_httpd_conn; /* a connection, with at most one request being answered */

typedef struct sb_httpd_handler {
  /* A complete request: answer it now (sb_httpd_respond) or later (sb_httpd_begin ... sb_httpd_done).
   * `request` lives until on_request returns. */
  void (*on_request)(void *context, sb_httpd_conn *conn, const sb_httpd_parser *request);
  /* The client went away before its answer's end; conn is dead once this returns. */
  void (*on_abort)(void *context, sb_httpd_conn *conn);
  /* What sb_httpd_flush had to queue is in the kernel now. */
  void (*on_drain)(void *context, sb_httpd_conn *conn);
  void *context;
} sb_httpd_handler;

sb_httpd *sb_httpd_new(uv_loop_t *loop, const sb_httpd_handler *handler);

/* Binds a numeric address; port 0 takes a free one. Nobody can connect before sb_httpd_listen. */
int sb_httpd_bind(sb_httpd *httpd, const char *address, int port, sb_err *err);
int sb_httpd_listen(sb_httpd *httpd, sb_err *err);
int sb_httpd_port(const sb_httpd *httpd);

/* Stops listening and drops every connection (no on_abort); memory goes in libuv's close callbacks. */
void sb_httpd_free(sb_httpd *httpd);

/* The caller's pointer, kept with the connection. NULL at first. */
void sb_httpd_set_user(sb_httpd_conn *conn, void *user);
void *sb_httpd_user(const sb_httpd_conn *conn);

/* A whole answer, sent at once; extra_headers: complete lines or "". HEAD requests get no body. */
void sb_httpd_respond(sb_httpd_conn *conn, int status, const char *content_type, const char *extra_headers,
                      const void *body, size_t size);

/* An answer in pieces. begin, body and last only collect bytes; flush sends all collected ones in one write.
 * declared_size: the body's size where it is known, -1 for a chunked body. */
void sb_httpd_begin(sb_httpd_conn *conn, int status, const char *content_type, long long declared_size);
void sb_httpd_body(sb_httpd_conn *conn, const void *data, size_t size);
void sb_httpd_last(sb_httpd_conn *conn);

/* SB_OK: all of it is in the kernel; 1: the rest was queued and on_drain will follow; SB_EIO: the connection
 * is broken, or its client is over 64 MiB behind (then call sb_httpd_drop). */
int sb_httpd_flush(sb_httpd_conn *conn);

/* The answer is complete; on_request may be called from here with the connection's next request. */
void sb_httpd_done(sb_httpd_conn *conn);

/* Closes the connection as it stands, without on_abort; conn is dead afterwards. */
void sb_httpd_drop(sb_httpd_conn *conn);

/* Bytes queued on all connections. */
size_t sb_httpd_backlog(const sb_httpd *httpd);

#endif
