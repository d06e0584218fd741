/* The floor: what reading SSE streams costs at the very least on this machine. One epoll loop, one recv and one
 * timestamp a readiness, token-bearing events found by memmem; no JSON, no HTTP parser, no checks, no timeouts.
 * It believes whatever the server says, so it is good for nothing but standing beside real clients. Its options
 * and its file are client.h's; a request's id is in its X-Request-Id: "floor-0" and so on. */

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client.h"

enum { EVENTS = 512, NUMBER_DIGITS = 8 };

typedef struct stream {
  bench_stream in;
  int fd; /* -1: closed */
} stream;

static sb_strbuf request;
static char *request_number; /* its digits in the request's id */
static int epoll;

static void open_stream(stream *s)
{
  int one = 1;
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&options.address, sizeof options.address) < 0)
    bench_die("connect");
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event) < 0)
    bench_die("epoll_ctl");
}

static void close_stream(stream *s)
{
  if (s->fd >= 0)
    close(s->fd);
  s->fd = -1;
}

static void send_next(stream *s)
{
  if (!bench_next(&s->in)) {
    close_stream(s);
    return;
  }
  char digits[NUMBER_DIGITS + 1];
  snprintf(digits, sizeof digits, "%0*d", NUMBER_DIGITS, s->in.number);
  memcpy(request_number, digits, NUMBER_DIGITS);
  if (s->fd < 0)
    open_stream(s);
  if (send(s->fd, request.data, request.size, MSG_NOSIGNAL) != (ssize_t)request.size)
    bench_die("send");
}

static void readable(stream *s)
{
  static char buffer[BENCH_LINE_BYTES + BENCH_READ_BYTES];
  ssize_t n = recv(s->fd, buffer + BENCH_LINE_BYTES, BENCH_READ_BYTES, MSG_DONTWAIT);
  int64_t now = sb_clock_now();
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n > 0)
    bench_bytes(&s->in, buffer + BENCH_LINE_BYTES, (size_t)n, now);
  else
    close_stream(s);
  if (n <= 0 || s->in.done) {
    bench_end_request(&s->in, n > 0);
    send_next(s);
  }
}

static void write_request(void)
{
  sb_strbuf body = { 0 };
  bench_body(&body);
  sb_strbuf_printf(&request,
                   "POST /v1/chat/completions HTTP/1.1\r\nHost: floor\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\nX-Request-Id: floor-%0*d\r\n\r\n%s",
                   body.size, NUMBER_DIGITS, 0, body.data);
  request_number = strstr(request.data, "floor-") + strlen("floor-");
  sb_strbuf_deinit(&body);
}

int main(int argc, char **argv)
{
  bench_begin("floor", argc, argv);
  write_request();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  int streams = options.concurrency < options.requests ? options.concurrency : options.requests;
  stream *all = sb_calloc((size_t)streams, sizeof *all);
  int64_t cpu = sb_clock_process_cpu(), wall = sb_clock_now();
  for (int i = 0; i < streams; i++) {
    all[i].fd = -1;
    send_next(&all[i]);
  }
  struct epoll_event events[EVENTS];
  while (bench_ended < options.requests) {
    int n = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++)
      readable(events[i].data.ptr);
  }
  int status = bench_finish(sb_clock_process_cpu() - cpu, sb_clock_now() - wall);
  for (int i = 0; i < streams; i++)
    free(all[i].in.rest);
  free(all);
  sb_strbuf_deinit(&request);
  close(epoll);
  return status;
}
