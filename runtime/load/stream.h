#ifndef SB_STREAM_H
#define SB_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "load/reads.h"
#include "load/token_count.h"
#include "measure/record.h"
#include "net/http.h"
#include "net/sse.h"

/* One slot of a load: sends a completion request, reads its answer into an sb_record, and is then free for the
 * next one. Buffers are kept between requests, so a slot allocates nothing in the steady state. */

typedef struct sb_stream_options {
  bool event_per_token; /* the engine sends one event a token: counts where nothing better is said */
  bool keep_text;       /* records keep the answer's text, up to SB_STREAM_MAX_TEXT of it */
  bool whole;           /* the request asked for one JSON answer, not a stream */
  atomic_uint_fast64_t
      *text_room; /* bytes of text that all streams together may still keep; NULL: no bound */
} sb_stream_options;

/* What a server can make us hold of one answer. A longer text is hashed and not kept; an answer of more chunks, or
 * one JSON object that is larger, fails. */
enum {
  SB_STREAM_MAX_TEXT = 4 * 1024 * 1024,
  SB_STREAM_MAX_CHUNKS = 4 * 1000 * 1000,
  SB_STREAM_MAX_WHOLE = 64 * 1024 * 1024
};

/* What every event needs comes first, so that it is in few cache lines. */
typedef struct sb_stream {
  sb_record *record;
  const sb_stream_options *options;
  sb_http *http;
  sb_reads *reads; /* the loop's; NULL: nobody asks */
  uint32_t events; /* in the read in hand */
  bool saw_done, saw_event;
  bool runs_on;      /* far beyond max_tokens: of no use any more */
  bool cut;          /* the body had not ended when the answer had */
  bool text_dropped; /* it grew too long to be kept */
  int64_t t_event;   /* arrival of the event being read */
  sb_strbuf text;    /* so far, where it is kept */
  sb_token_count count;
  sb_sse sse;
  sb_http_request *request;      /* NULL while idle */
  sb_strbuf body;                /* of an answer that is not a stream, cut at 64 KiB where it is an error's */
  uint32_t chunks_told;          /* chunks that came before the last event that was none */
  int64_t t_end;                 /* arrival of [DONE] */
  int64_t t_watched, t_progress; /* the watch's: since when, and when it last saw progress (watch.h) */
  uint64_t progress;
  void (*on_end)(struct sb_stream *stream);
  void *owner;
} sb_stream;

/* Sends `call` (its callbacks and context are set here) and fills *record, whose id, prompt_id, max_tokens and
 * t_intended the caller has set. Its t_send is when the request's first byte was handed to the kernel: the making of a
 * connection lies between t_intended and t_send, and is not booked as the server's time. on_end is called
 * exactly once, when the record is complete, also where starting fails; it may start the slot again. */
void sb_stream_start(sb_stream *stream, sb_http *http, sb_http_call call, sb_record *record);

/* Ends a request under way with that outcome, unless it has failed already, and calls on_end. SB_OUTCOME_OK: what has
 * come is the whole answer. */
void sb_stream_expire(sb_stream *stream, sb_outcome outcome, const char *error);

/* Ends a request under way as SB_OUTCOME_CANCELED, without on_end. No effect while idle. */
void sb_stream_cancel(sb_stream *stream);

void sb_stream_deinit(sb_stream *stream);

#endif
