#ifndef SB_HTTPD_PARSER_H
#define SB_HTTPD_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "net/http1.h"

/* An incremental, strict HTTP/1.1 request parser: bytes in, one request out, no sockets. What is doubtful is refused with
 * a status instead of guessed at: bare line feeds, folded headers, spaces before a colon, repeated or signed
 * Content-Length, Content-Length beside Transfer-Encoding, codings other than "chunked", trailers, more than one Host.
 * Feeding a text in any pieces gives the same result. */

enum {
  SB_HTTPD_MAX_HEAD = 32 * 1024, /* request line and headers */
  SB_HTTPD_MAX_HEADERS = 64,
  SB_HTTPD_MAX_BODY = 16 * 1024 * 1024
};

typedef enum sb_httpd_parser_state {
  SB_HTTPD_HEAD,
  SB_HTTPD_BODY, /* a body of known length */
  SB_HTTPD_CHUNKS,
  SB_HTTPD_COMPLETE,
  SB_HTTPD_REFUSED /* status and reason say why; the connection is of no further use */
} sb_httpd_parser_state;

typedef struct sb_httpd_header {
  const char *name, *value; /* terminated; the value without the white space around it */
} sb_httpd_header;

/* Embedded; sb_httpd_parser_init before its first use. The fields below `body` hold from the end of the head
 * (state beyond SB_HTTPD_HEAD) until the next reset; the body is whole at SB_HTTPD_COMPLETE. */
typedef struct sb_httpd_parser {
  sb_httpd_parser_state state;
  sb_http1_lines lines;
  sb_http1_chunks chunks;
  size_t head_size;     /* bytes read of it */
  sb_strbuf head, body; /* of the head: its lines, each with a terminator */
  const char *method, *path;
  const char *query; /* what follows the path's '?'; NULL where there is none */
  sb_httpd_header headers[SB_HTTPD_MAX_HEADERS];
  int header_count;
  bool http_1_0, keep_alive, expects_continue;
  uint64_t remaining; /* bytes of a body of known length */
  int status;         /* of a refusal: 400, 413, 417, 431, 501 or 505 */
  const char *reason;
} sb_httpd_parser;

void sb_httpd_parser_init(sb_httpd_parser *parser);
void sb_httpd_parser_deinit(sb_httpd_parser *parser);

/* Ready for the next request of the connection; keeps its memory. */
void sb_httpd_parser_reset(sb_httpd_parser *parser);

/* Reads on until the request is complete or refused, or the bytes are used up; returns how many it took. */
size_t sb_httpd_parser_feed(sb_httpd_parser *parser, const char *data, size_t size);

/* A header's value by its lower- or upper-case name; NULL where it is absent. */
const char *sb_httpd_parser_header(const sb_httpd_parser *parser, const char *name);

#endif
