#ifndef SB_SSE_H
#define SB_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* A parser of server-sent events (WHATWG HTML, section 9.2.6) that takes bytes as they come. Only the data
 * field matters to LLM servers; event names, ids, retry times and comments are read over. */
typedef struct sb_sse {
  sb_strbuf line; /* the beginning of a line whose end is still to come */
  sb_strbuf data; /* data lines of the event so far, joined by newlines */
  bool has_data;
  bool after_cr;      /* a newline now belongs to the carriage return before */
  bool started;       /* the first line was seen (a byte order mark may precede it) */
  bool skipping;      /* the event in hand grew beyond SB_SSE_MAX_EVENT: its rest is read over */
  bool in_line;       /* while skipping: the line in hand is not blank */
  unsigned oversized; /* events that were left out for their size */
} sb_sse;

enum { SB_SSE_MAX_EVENT = 16 * 1024 * 1024 };

/* The data of one event; lives until the callback returns. */
typedef void (*sb_sse_fn)(void *context, const char *data, size_t size);

/* Zero-initialised is ready. reset keeps the memory, for the next stream. */
void sb_sse_reset(sb_sse *sse);
void sb_sse_deinit(sb_sse *sse);

/* Whether a part of an event has come whose end has not. */
bool sb_sse_is_amid(const sb_sse *sse);

/* Parses the next bytes, calling on_event for each event they complete. An event that lies whole within `data`
 * is passed on without being copied. */
void sb_sse_feed(sb_sse *sse, const char *data, size_t size, sb_sse_fn on_event, void *context);

#endif
