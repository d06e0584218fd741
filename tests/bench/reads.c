/* What a chunk costs our client in CPU by how many chunks wait in a stream's socket when it reads. Server and client
 * are one thread, and its clock runs only while the client does: so the figure stands within some percent on a machine
 * that others use as well, where those of `specbench selfcheck client` do not. Nanoseconds, the median of 9; one JSON
 * object on standard output. */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load/load.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/stamps.h"

enum { STREAMS = 64, CHUNKS = 19200, TIMES = 9 }; /* chunks of all streams, each time */

static const char head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char end[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

static void die(const char *what)
{
  fprintf(stderr, "reads: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t thread_cpu(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void nothing(sb_deferred *self)
{
  (void)self;
}

/* A turn of the loop that does not wait. */
static void turn(sb_loop *loop)
{
  sb_deferred call = { .run = nothing };
  sb_loop_defer(loop, &call);
  sb_loop_step(loop);
}

static int listen_anywhere(int *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, STREAMS) ||
      getsockname(fd, (struct sockaddr *)&address, &size))
    die("no socket to listen at");
  *port = ntohs(address.sin_port);
  return fd;
}

/* Takes the connections, and a request from each. */
static void accept_all(sb_loop *loop, int listener, int *streams)
{
  char request[4096];
  int on = 1;
  for (int i = 0; i < STREAMS; i++) {
    while ((streams[i] = accept(listener, NULL, NULL)) < 0)
      turn(loop);
    setsockopt(streams[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  for (int i = 0; i < STREAMS; i++)
    while (recv(streams[i], request, sizeof request, MSG_DONTWAIT) <= 0)
      turn(loop);
}

static void write_all(const int *streams, const char *data, size_t size)
{
  for (int i = 0; i < STREAMS; i++)
    if (write(streams[i], data, size) != (ssize_t)size)
      die("a stream takes no more");
}

static void write_chunk(const int *streams, int tokens)
{
  char event[512], chunk[600];
  int size = snprintf(
      event, sizeof event,
      "data: {\"id\":\"chatcmpl-0000000100000000\",\"object\":\"chat.completion.chunk\",\"created\":"
      "1796048547,\"model\":\"qwen2.5-7b\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" hire\"},"
      "\"logprobs\":null,\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":1,\"total_tokens\":%d,"
      "\"completion_tokens\":%d}}\n\n",
      tokens + 1, tokens);
  size = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", (unsigned)size, event);
  write_all(streams, chunk, (size_t)size);
}

static void on_done(void *ended)
{
  *(bool *)ended = true;
}

/* Nanoseconds of CPU a chunk, where `waiting` wait in each socket. */
static double measure(int waiting)
{
  int port, listener = listen_anywhere(&port), streams[STREAMS], tokens = 0;
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/chat/completions", port);
  sb_loop *loop = sb_loop_new();
  sb_err err = { 0 };
  sb_http *http = sb_http_new(loop, &err);
  sb_load_request requests[STREAMS];
  for (int i = 0; i < STREAMS; i++)
    requests[i] = (sb_load_request){ .body = "{}", .body_size = 2 };
  bool ended = false;
  sb_load_options options = { .url = url,
                              .requests = requests,
                              .count = STREAMS,
                              .concurrency = STREAMS,
                              .on_done = on_done,
                              .context = &ended };
  sb_load *load = sb_load_start(loop, http, &options, &err);
  if (!load)
    die(err.text);
  accept_all(loop, listener, streams);
  write_all(streams, head, sizeof head - 1);
  turn(loop);
  int64_t cpu = 0;
  while (tokens * STREAMS < CHUNKS) {
    for (int i = 0; i < waiting; i++)
      write_chunk(streams, ++tokens);
    int64_t before = thread_cpu();
    turn(loop);
    cpu += thread_cpu() - before;
  }
  write_all(streams, end, sizeof end - 1);
  while (!ended)
    turn(loop);
  if (sb_load_get_progress(load).failed || sb_load_get_progress(load).tokens != (uint64_t)tokens * STREAMS)
    die("the client has other tokens than were written");
  sb_load_free(load);
  sb_http_free(http);
  sb_loop_free(loop);
  for (int i = 0; i < STREAMS; i++)
    close(streams[i]);
  close(listener);
  return (double)cpu / (tokens * STREAMS);
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The kernel begins to stamp some time after the first socket asks, and stops with the last. */
static void have_stamps(void)
{
  sb_stamps_ask(socket(AF_INET, SOCK_DGRAM, 0));
  nanosleep(&(struct timespec){ .tv_nsec = 300 * 1000 * 1000 }, NULL);
}

int main(void)
{
  have_stamps();
  for (int waiting = 1; waiting <= 4; waiting *= 2) {
    double ns[TIMES];
    for (int i = 0; i < TIMES; i++)
      ns[i] = measure(waiting);
    qsort(ns, TIMES, sizeof *ns, ascending);
    printf("%s\"%d\":%.0f", waiting == 1 ? "{\"chunk_ns\":{" : ",", waiting, ns[TIMES / 2]);
  }
  puts("}}");
  return 0;
}
