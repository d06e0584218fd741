#ifndef SB_LOAD_H
#define SB_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "load/lag.h"
#include "load/stream.h"
#include "load/watch.h"
#include "measure/record.h"
#include "net/http.h"

/* Drives one load against one server: a closed loop that keeps `concurrency` requests in flight, or an open
 * loop that sends each request at its planned time. Every request ends as a record; failures are data.
 *
 * The I/O is done on the caller's loop, or by several I/O threads with a loop each: the same requests start in
 * the same order under the same bound, and the caller's thread only waits. */

enum { SB_LOAD_MAX_IO_THREADS = 64 };

typedef struct sb_load sb_load;

typedef struct sb_load_request {
  const char *body;
  size_t body_size;
  const char *const *headers; /* further headers of this request, NULL-terminated; NULL: none */
  uint32_t prompt_id;
  uint32_t max_tokens;   /* what the body asks for at most; 0: not known */
  int64_t prompt_tokens; /* as the data tell them; -1: they do not */
} sb_load_request;

/* All that it points to is borrowed until the load has ended. */
typedef struct sb_load_options {
  const char *url;
  const char *const *headers; /* of every request, NULL-terminated; NULL: none */
  const sb_load_request *requests;
  uint32_t count;
  uint32_t concurrency;       /* most requests in flight; 0: no bound (open loop only) */
  const int64_t *arrivals_ns; /* planned offsets from the start; NULL: closed loop */
  sb_deadlines deadlines;
  int64_t send_ns; /* from the load's start: what was not sent by then is no part of the run; 0: all is */
  const char *id_prefix; /* X-Request-Id is "PREFIX-INDEX"; NULL: no such header */
  uint32_t io_threads;   /* 0, 1: the caller's loop; more: as many threads, but no more than streams */
  bool own_thread;       /* never the caller's loop: other loads run beside this one */
  sb_stream_options stream;
  void (*on_done)(void *context); /* once, from the loop, when every request has ended */
  void *context;
} sb_load_options;

typedef struct sb_load_progress {
  uint32_t total, sent, done, failed, in_flight;
  uint64_t bytes, tokens; /* of the requests that are done; tokens: of those whose server told them */
} sb_load_progress;

/* NULL where the options make no sense, or where a thread or a timer is not to be had. On the caller's loop the
 * first requests go out before it returns, and over `http`; I/O threads make connections of their own. */
sb_load *sb_load_start(sb_loop *loop, sb_http *http, const sb_load_options *options, sb_err *err);

/* Ends what is in flight and sends nothing more; on_done is not called. The records stay readable. */
void sb_load_cancel(sb_load *load);

sb_load_progress sb_load_get_progress(const sb_load *load);

/* After the end: why the load was given up before all was sent, in a line; NULL where it was not. Requests that were
 * never sent say the same. */
const char *sb_load_given_up(const sb_load *load);

/* After the end or a cancel: how many loops did the I/O, how late each was itself and its thread's CPU share; and
 * the worst of each figure over all of them (samples: their sum). */
uint32_t sb_load_io_threads(const sb_load *load);
sb_lag_summary sb_load_get_thread_lag(const sb_load *load, uint32_t thread);
sb_lag_summary sb_load_get_lag(const sb_load *load);

/* How far the chunks' times may be off, the worst of all loops; counts are their sums, by_kernel what holds of all. */
sb_reads_summary sb_load_get_reads(const sb_load *load);

/* Hands the records over to the caller (sb_run_free); once, after the end or a cancel. Requests that were
 * never sent stand in it as SB_OUTCOME_CANCELED with t_send 0, but for those that send_ns left out. */
sb_run *sb_load_take_run(sb_load *load);

/* After the end or a cancel. */
void sb_load_free(sb_load *load);

#endif
