#ifndef SB_HTTP_H
#define SB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "net/connection.h"
#include "net/loop.h"

/* An asynchronous HTTP/1.1 client on a libuv loop: thousands of requests at once, connections kept. libcurl
 * makes the connections (names, TLS with verification, proxies); requests and answers are framed here, so
 * that a chunk costs one receive and nothing else of the kernel. Everything happens on the loop's thread.
 *
 * Body bytes carry the time at which they arrived: the kernel's own stamp on plain TCP, else one stamp for all that
 * became ready at one moment, taken before the first of them is handled. A request's time begins when its first byte is handed
 * to the kernel: where a connection had to be made first, that is after it stood. */

typedef struct sb_http sb_http;                 /* the client: connections and options */
typedef struct sb_http_request sb_http_request; /* one request under way */

typedef struct sb_http_result {
  int code;       /* SB_OK, SB_EIO, SB_ETIMEOUT */
  bool silent;    /* SB_ETIMEOUT because no byte came within chunk_timeout_ns */
  int status;     /* HTTP status; 0 where none arrived */
  bool connected; /* the connection stood when it ended */
  bool resent;    /* it was sent twice: the server closed a kept connection while it was being sent, and may
                              have taken it all the same */
  int64_t t_send_ns;       /* when its first byte was handed to the kernel, connecting not counted; 0: never.
                             Of the second try where a kept connection turned out to be closed. */
  int64_t t_first_byte_ns; /* when the first byte of the body was read; 0: none */
  int64_t t_done_ns;
  const char *error;        /* one line, NULL where code is SB_OK; lives until on_done returns */
  const char *content_type; /* cut at 127 bytes; NULL where none came; lives until on_done returns */
} sb_http_result;

typedef struct sb_http_call {
  const char *method; /* NULL: POST where there is a body, else GET */
  const char *url;
  const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
  const char *body;           /* borrowed until on_done or cancel */
  size_t body_size;
  int64_t timeout_ns;       /* of the whole request; 0: none */
  int64_t chunk_timeout_ns; /* longest wait for the next byte (connecting included); 0: none */
  uint64_t max_body;        /* bytes of the answer's body beyond which it fails; 0: no bound */
  /* Each stretch of the body as it arrives, with the HTTP status; may be NULL. Must not start or cancel
   * requests. */
  void (*on_data)(void *context, int status, const char *data, size_t size, int64_t t_ns);
  /* The end, exactly once unless cancelled. May start and cancel requests. */
  void (*on_done)(void *context, const sb_http_result *result);
  void *context;
} sb_http_call;

sb_http *sb_http_new(sb_loop *loop, sb_err *err);

/* Cancels what is under way (no on_done) and closes; memory goes in libuv's close callbacks. NULL is
 * ignored. */
void sb_http_free(sb_http *http);

/* URL, headers and method are copied. NULL on a malformed URL, header or method. A request is sent over a
 * kept connection to its server where there is one; where the server closes that before a byte of the
 * answer, it is sent again, once, over a fresh one. Redirects are answers like any other. */
sb_http_request *sb_http_start(sb_http *http, const sb_http_call *call, sb_err *err);

/* Ends it without a further callback; the handle is dead afterwards, as it is once on_done was called. */
void sb_http_cancel(sb_http_request *request);

/* Ends it as if that had come of it: `code` with a line of why, or SB_OK where what has come is all that is wanted;
 * on_done is called before this returns. Not from inside on_data. */
void sb_http_finish(sb_http_request *request, int code, const char *error);

/* What is known of the arrival of the bytes that on_data is being given, and of the turns of the loop. */
sb_stamps *sb_http_stamps(sb_http *http);

#endif
