#ifndef SB_RESPONSE_H
#define SB_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http1.h"

/* An incremental HTTP/1.1 response parser: bytes in, status and body out; no sockets. Feeding an answer in any
 * pieces gives the same result.
 *
 * Interim answers (1xx) and trailers are read over. What is doubtful is refused instead of guessed at: other
 * status lines, folded headers, names that are no token, differing Content-Lengths, transfer codings other than
 * "chunked", 101. */

enum {
  SB_RESPONSE_MAX_HEAD = 128 * 1024 /* status lines and headers, interim answers included; or trailers */
};

typedef enum sb_response_state {
  SB_RESPONSE_STATUS_LINE,
  SB_RESPONSE_HEADERS,
  SB_RESPONSE_BODY, /* of known length, or until the connection ends */
  SB_RESPONSE_CHUNKS,
  SB_RESPONSE_TRAILERS,
  SB_RESPONSE_COMPLETE,
  SB_RESPONSE_REFUSED /* reason says why; the connection is of no further use */
} sb_response_state;

/* Embedded; zero-initialise, then sb_response_reset before each answer. What every stretch of a body needs comes first,
 * so that it is in few cache lines. */
typedef struct sb_response {
  sb_response_state state;
  int status;                        /* 0 until a final answer's status line was read */
  bool keep_alive;                   /* once COMPLETE: the connection may carry another request */
  bool begun;                        /* a byte has come */
  bool to_head, chunked, has_length; /* how the answer is framed; internal */
  uint64_t remaining;                /* bytes of a body that is not in chunks */
  sb_http1_chunks chunks;
  const char *reason; /* of a refusal: one line, static */
  int minor;          /* of the version HTTP/1.x */
  size_t head_size;
  sb_http1_persistence persistence;
  sb_http1_lines lines;
  char content_type[128]; /* cut where it is longer; empty where there is none */
} sb_response;

/* A stretch of the body. */
typedef struct sb_response_body {
  char *data;
  size_t size;
} sb_response_body;

/* Ready for the next answer; keeps its memory. to_head: it answers a HEAD request and has no body. */
void sb_response_reset(sb_response *response, bool to_head);
void sb_response_deinit(sb_response *response);

/* Reads on until the answer is complete or refused, or the bytes are used up; returns how many it took. What
 * stands of the body among them is moved together, in place: *body points into data (size 0: nothing). */
size_t sb_response_feed(sb_response *response, char *data, size_t size, sb_response_body *body);

/* The connection ended: completes an answer that lasts until then, refuses any other that is not complete. */
void sb_response_end(sb_response *response);

#endif
