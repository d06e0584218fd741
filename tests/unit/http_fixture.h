#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include <stddef.h>

/* A scripted HTTP server on 127.0.0.1, in threads of its own. It reads one request at a time from each
 * connection and plays an answer: bytes to send as they are, with these marks between them.
 *
 *   http_fixture *server = http_fixture_start(1, (const char *const[]){ OK_HEAD CHUNKED "one" PAUSE "two" });
 */
#define PAUSE "\x01"   /* sends what came before, then rests for 30 ms */
#define CLOSE "\x02"   /* closes the connection */
#define RESET "\x03"   /* closes it with a reset */
#define HANG "\x04"    /* says nothing more until the client goes */
#define DRIBBLE "\x05" /* from here on one byte a send */
#define CHUNKED "\x06" /* from here on in chunks; the last one follows at the answer's end */
#define BARRIER "\x07" /* waits until as many requests wait here as http_fixture_barrier said */
#define AGAIN "\x0f"   /* what follows is sent again and again, every 5 ms, until the client goes */
#define MIRROR "\x0e"  /* the request's body */

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SSE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define OK_UNTIL_CLOSE "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

typedef struct http_fixture http_fixture;

/* The i-th request is answered with answers[i], those beyond with the last one. The strings are borrowed. */
http_fixture *http_fixture_start(size_t count, const char *const *answers);

/* Ends every connection and thread, then frees. */
void http_fixture_stop(http_fixture *server);

/* Before the first request: how many have to meet at BARRIER. */
void http_fixture_barrier(http_fixture *server, int count);

/* "http://127.0.0.1:PORT/v1/completions"; lives as long as the server. */
const char *http_fixture_url(const http_fixture *server);

typedef struct fixture_counts {
  int connections, requests, open; /* connections ever made, requests ever read, connections open now */
  int most_at_once;                /* requests being answered at one moment */
  int lonely;                      /* requests that waited at BARRIER in vain */
} fixture_counts;
fixture_counts http_fixture_counts(http_fixture *server);

/* Request i (from 0, in order of arrival, of the first 256) up to and with its blank line; NULL: not yet. */
const char *http_fixture_head(http_fixture *server, int i);

#endif
