#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* What the clients of this folder share: their options, the request they send, what an event stream's chunks
 * are, and the file of figures that `specbench selfcheck client --out` writes too.
 *
 *   NAME --url http://127.0.0.1:PORT --model NAME --concurrency STREAMS --requests N --tokens T --out FILE
 *        [--times FILE]
 *
 * --times gets a JSON line a request, "id" and "chunks": when each chunk came (CLOCK_MONOTONIC, ns). Errors end
 * the process. */

enum { BENCH_LINE_BYTES = 16 * 1024, BENCH_READ_BYTES = 256 * 1024 };

typedef struct bench_options {
  const char *name; /* the program's */
  const char *url, *model, *out, *times;
  struct sockaddr_in address; /* the URL's */
  int concurrency, requests, tokens;
} bench_options;

extern bench_options options;
extern int bench_sent, bench_ended, bench_completed;

/* The request in hand on one stream. Zero-initialise. */
typedef struct bench_stream {
  int number; /* of the request in hand */
  int64_t t_send, t_first, t_last;
  uint32_t chunks;
  bool done;  /* its [DONE] came */
  char *rest; /* BENCH_LINE_BYTES for the line that a read cut in two; NULL until there was one */
  size_t rest_size;
} bench_stream;

_Noreturn void bench_die(const char *what);

void bench_begin(const char *name, int argc, char **argv);

/* The body of every request. */
void bench_body(sb_strbuf *body);

/* The next request begins on this stream. False where all were sent. */
bool bench_next(bench_stream *stream);

/* Bytes of a stream's answer, with room for BENCH_LINE_BYTES before them: counts the events that bring a token. */
void bench_bytes(bench_stream *stream, char *bytes, size_t size, int64_t now);

void bench_end_request(bench_stream *stream, bool complete);

/* Writes the figures of a load that cost so much; returns the exit status. */
int bench_finish(int64_t cpu_ns, int64_t wall_ns);

#endif
