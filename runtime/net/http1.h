#ifndef SB_HTTP1_H
#define SB_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* How HTTP/1.1 is framed (RFC 9112), for the client (net/response.h) and the server (net/httpd_parser.h): lines,
 * header fields, chunked bodies. No sockets; feeding bytes in any pieces gives the same result.
 *
 * `strict` is the server's side, where anything doubtful is refused. Without it what the RFC lets a recipient
 * accept is accepted: lines that end in LF alone, white space after a chunk's size, trailers. */

/* A stretch of bytes that somebody else owns; data NULL: none. */
typedef struct sb_http1_slice {
  const char *data;
  size_t size;
} sb_http1_slice;

/* Whether it is this word, whatever the case. */
bool sb_http1_is(sb_http1_slice slice, const char *word);

/* Whether it is a token: what a method's or a field's name may be. */
bool sb_http1_is_token(sb_http1_slice slice);

/* Cuts "Name: value" at its colon, the value without the blanks around it. False where it is no header field. */
bool sb_http1_field(sb_http1_slice line, bool strict, sb_http1_slice *name, sb_http1_slice *value);

/* A Content-Length: digits and nothing else. What exceeds 64 bits becomes UINT64_MAX. */
bool sb_http1_length(sb_http1_slice digits, uint64_t *length);

/* What Connection fields say. Zero-initialise; `close` wins. */
typedef struct sb_http1_persistence {
  bool close, keep;
} sb_http1_persistence;

void sb_http1_connection_field(sb_http1_persistence *persistence, sb_http1_slice value);

/* Whether the connection outlives a message of the version HTTP/1.`minor`. */
bool sb_http1_persists(const sb_http1_persistence *persistence, int minor);

enum { SB_HTTP1_MAX_LINE = 32 * 1024 };

/* Reads lines. Embedded; zero-initialise, `strict` aside. */
typedef struct sb_http1_lines {
  bool strict;
  bool taken;     /* the last line was whole */
  sb_strbuf part; /* the part of a line that came without its end */
} sb_http1_lines;

typedef enum sb_http1_line {
  SB_HTTP1_LINE,     /* *line is one, without its end; it lives until the next call or the data's end */
  SB_HTTP1_PART,     /* all bytes are used up before its end */
  SB_HTTP1_TOO_LONG, /* over SB_HTTP1_MAX_LINE bytes */
  SB_HTTP1_MALFORMED /* strict: it does not end in CR LF, or holds another CR or a zero byte */
} sb_http1_line;

/* *used: how many bytes it took. */
sb_http1_line sb_http1_read_line(sb_http1_lines *lines, const char *data, size_t size, size_t *used,
                                 sb_http1_slice *line);

/* Forgets a part of a line; keeps its memory. */
void sb_http1_lines_reset(sb_http1_lines *lines);
void sb_http1_lines_deinit(sb_http1_lines *lines);

typedef enum sb_http1_chunks_state {
  SB_HTTP1_SIZE,
  SB_HTTP1_SIZE_BLANK,
  SB_HTTP1_EXTENSION,
  SB_HTTP1_SIZE_LF,
  SB_HTTP1_DATA,
  SB_HTTP1_DATA_CR,
  SB_HTTP1_DATA_LF,
  SB_HTTP1_LAST_CR,
  SB_HTTP1_LAST_LF, /* strict: the end of the body, where others may have trailers */
  SB_HTTP1_CHUNKS_END, /* the last chunk is read. Strict: and the body's end; else: trailers and an empty line follow */
  SB_HTTP1_CHUNKS_REFUSED
} sb_http1_chunks_state;

/* Decodes a chunked body. Embedded; zero-initialise, `strict` aside. */
typedef struct sb_http1_chunks {
  sb_http1_chunks_state state;
  bool strict;
  bool too_large; /* why it was refused: a chunk's size has too many digits */
  uint64_t
      remaining;  /* in SB_HTTP1_DATA: bytes that the chunk still has; else the size as far as it is read */
  uint32_t count; /* of the size's digits; then of the bytes of its extension */
  const char *reason; /* of a refusal: one line, static */
} sb_http1_chunks;

/* Reads up to the end of the next stretch of a chunk's data, which *data is, or as far as bytes and body go;
 * returns how many bytes it took. */
size_t sb_http1_chunks_feed(sb_http1_chunks *chunks, const char *bytes, size_t size, sb_http1_slice *data);

#endif
