/* The floor: what reading SSE streams costs at the very least on this machine. One epoll loop, one recv and one
 * timestamp a readiness, token-bearing events found by memmem; no JSON, no HTTP parser, no checks, no timeouts.
 * It believes whatever the server says, so it is good for nothing but standing beside real clients.
 *
 *   floor --url http://127.0.0.1:PORT --model NAME --concurrency STREAMS --requests N --tokens T --out FILE
 *         [--times FILE]
 *
 * --out gets the figures of `specbench bench client --out`. --times gets a JSON line a request, "id" and "chunks":
 * when each chunk came (CLOCK_MONOTONIC, ns). A request's id is in its X-Request-Id: "floor-0" and so on. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_limit.h"
#include "base/strbuf.h"

enum { READ_BYTES = 256 * 1024, LINE_BYTES = 16 * 1024, EVENTS = 512, NUMBER_DIGITS = 8 };

static const char content[] = "\"content\":";
static const char done[] = "data: [DONE]";

typedef struct stream {
  int fd;                       /* -1: closed */
  int number;                   /* of the request in hand */
  int64_t t_send, t_first, t_last;
  uint32_t chunks;
  char *rest;                   /* LINE_BYTES for the line that a read cut in two; NULL until there was one */
  size_t rest_size;
} stream;

typedef struct samples {
  double *values;               /* milliseconds */
  size_t count, capacity;
} samples;

static struct {
  const char *model, *out, *times;
  struct sockaddr_in address;
  int concurrency, requests, tokens;
} options = { .model = "model", .concurrency = 64, .requests = 256, .tokens = 256 };

static sb_strbuf request;
static char *request_number;    /* its digits in the request's id */
static int64_t *times;          /* NULL, or room for `tokens` a request; 0: did not come */
static samples ttft, itl, tpot;
static int sent, ended, completed;
static uint64_t all_chunks;
static int epoll;

static void die(const char *what)
{
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void add(samples *s, double value)
{
  sb_grow(s->values, s->count, s->capacity, 4096);
  s->values[s->count++] = value;
}

static void open_stream(stream *s)
{
  int one = 1;
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&options.address, sizeof options.address) < 0)
    die("connect");
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event) < 0)
    die("epoll_ctl");
}

static void send_next(stream *s)
{
  if (sent == options.requests) {
    if (s->fd >= 0)
      close(s->fd);
    s->fd = -1;
    return;
  }
  s->number = sent++;
  char digits[NUMBER_DIGITS + 1];
  snprintf(digits, sizeof digits, "%0*d", NUMBER_DIGITS, s->number);
  memcpy(request_number, digits, NUMBER_DIGITS);
  s->t_send = sb_clock_now();
  s->t_first = s->t_last = 0;
  s->chunks = 0;
  s->rest_size = 0;
  if (s->fd < 0)
    open_stream(s);
  if (send(s->fd, request.data, request.size, MSG_NOSIGNAL) != (ssize_t)request.size)
    die("send");
}

static void end_request(stream *s, bool complete)
{
  ended++;
  completed += complete;
  all_chunks += s->chunks;
  if (s->t_first)
    add(&ttft, (double)(s->t_first - s->t_send) / 1e6);
  if (s->t_first && options.tokens > 1)
    add(&tpot, (double)(s->t_last - s->t_first) / 1e6 / (options.tokens - 1));
  send_next(s);
}

static void chunk(stream *s, int64_t now)
{
  if (times && s->chunks < (uint32_t)options.tokens)
    times[(size_t)s->number * (size_t)options.tokens + s->chunks] = now;
  if (s->chunks++ == 0)
    s->t_first = now;
  else
    add(&itl, (double)(now - s->t_last) / 1e6);
  s->t_last = now;
}

/* Chunks are what has a non-empty "content". */
static bool find_chunks(stream *s, const char *at, const char *end, int64_t now)
{
  const char *const first = at;
  while ((at = memmem(at, (size_t)(end - at), content, sizeof content - 1))) {
    at += sizeof content - 1;
    at += at < end && *at == ' ';
    if (end - at > 1 && at[0] == '"' && at[1] != '"')
      chunk(s, now);
  }
  return memmem(first, (size_t)(end - first), done, sizeof done - 1) != NULL;
}

static void readable(stream *s)
{
  static char buffer[LINE_BYTES + READ_BYTES];
  if (s->rest_size)
    memcpy(buffer, s->rest, s->rest_size);
  ssize_t n = recv(s->fd, buffer + s->rest_size, READ_BYTES, MSG_DONTWAIT);
  int64_t now = sb_clock_now();
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    close(s->fd);
    s->fd = -1;
    end_request(s, false);
    return;
  }
  const char *end = buffer + s->rest_size + n;
  const char *line = memrchr(buffer, '\n', (size_t)(end - buffer));
  line = line ? line + 1 : buffer;
  s->rest_size = (size_t)(end - line);
  if (s->rest_size > LINE_BYTES) {
    errno = EMSGSIZE;
    die("a line of the answer");
  }
  if (s->rest_size) {
    s->rest = s->rest ? s->rest : sb_alloc(LINE_BYTES);
    memcpy(s->rest, line, s->rest_size);
  }
  if (find_chunks(s, buffer, line, now))
    end_request(s, true);
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Linear between order statistics; `s` is sorted. */
static double percentile(const samples *s, double share)
{
  double h = (double)(s->count - 1) * share;
  size_t low = (size_t)h, high = low + 1 < s->count ? low + 1 : low;
  return s->values[low] + (s->values[high] - s->values[low]) * (h - (double)low);
}

static void put_latency(FILE *file, const char *name, samples *s)
{
  if (s->count == 0)
    return;
  qsort(s->values, s->count, sizeof *s->values, ascending);
  fprintf(file, "\"%s\": {\"p50\": %.6f, \"p99\": %.6f}, ", name, percentile(s, 0.5), percentile(s, 0.99));
}

static void write_result(double cpu_us, double duration_s, double memory_mb)
{
  FILE *file = fopen(options.out, "w");
  if (!file)
    die(options.out);
  fputc('{', file);
  put_latency(file, "ttft_ms", &ttft);
  put_latency(file, "itl_ms", &itl);
  put_latency(file, "tpot_ms", &tpot);
  fprintf(file, "\"duration_s\": %.6f, \"completed\": %d, \"chunks\": %llu, ", duration_s, completed,
          (unsigned long long)all_chunks);
  fprintf(file, "\"cpu_us_per_chunk\": %.6f, \"memory_mb\": %.3f}\n", cpu_us / (double)all_chunks, memory_mb);
  if (fclose(file))
    die(options.out);
}

static void write_times(void)
{
  FILE *file = fopen(options.times, "w");
  if (!file)
    die(options.times);
  for (int i = 0; i < options.requests; i++) {
    const int64_t *mine = times + (size_t)i * (size_t)options.tokens;
    fprintf(file, "{\"id\": %d, \"chunks\": [", i);
    for (int k = 0; k < options.tokens && mine[k]; k++)
      fprintf(file, "%s%lld", k ? ", " : "", (long long)mine[k]);
    fputs("]}\n", file);
  }
  if (fclose(file))
    die(options.times);
}

static void set_url(const char *url)
{
  char host[64];
  int port;
  if (sscanf(url, "http://%63[0-9.]:%d", host, &port) != 2
      || inet_pton(AF_INET, host, &options.address.sin_addr) != 1) {
    errno = EINVAL;
    die("--url must be http://ADDRESS:PORT");
  }
  options.address.sin_family = AF_INET;
  options.address.sin_port = htons((uint16_t)port);
}

static void read_options(int argc, char **argv)
{
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *value = argv[i + 1];
    if (!strcmp(argv[i], "--url"))
      set_url(value);
    else if (!strcmp(argv[i], "--model"))
      options.model = value;
    else if (!strcmp(argv[i], "--concurrency"))
      options.concurrency = atoi(value);
    else if (!strcmp(argv[i], "--requests"))
      options.requests = atoi(value);
    else if (!strcmp(argv[i], "--tokens"))
      options.tokens = atoi(value);
    else if (!strcmp(argv[i], "--out"))
      options.out = value;
    else if (!strcmp(argv[i], "--times"))
      options.times = value;
  }
  if (argc % 2 == 0 || !options.address.sin_port || !options.out || options.concurrency < 1
      || options.requests < 1 || options.tokens < 1) {
    fputs("usage: floor --url http://ADDRESS:PORT --model NAME --concurrency STREAMS --requests N --tokens T"
          " --out FILE [--times FILE]\n", stderr);
    exit(2);
  }
}

static void write_request(void)
{
  sb_strbuf body = { 0 };
  sb_strbuf_printf(&body,
                   "{\"model\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": \"Tell me a short story"
                   " about a river and a stone.\"}], \"temperature\": 0, \"max_tokens\": %d, \"stream\": true,"
                   " \"ignore_eos\": true, \"stream_options\": {\"include_usage\": true}}",
                   options.model, options.tokens);
  sb_strbuf_printf(&request,
                   "POST /v1/chat/completions HTTP/1.1\r\nHost: floor\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\nX-Request-Id: floor-%0*d\r\n\r\n%s",
                   body.size, NUMBER_DIGITS, 0, body.data);
  request_number = strstr(request.data, "floor-") + strlen("floor-");
  sb_strbuf_deinit(&body);
}

static double resident_mb(void)
{
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*s %ld", &pages) != 1)
    die("/proc/self/statm");
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

int main(int argc, char **argv)
{
  read_options(argc, argv);
  write_request();
  sb_file_limit_raise();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (options.times)
    times = sb_calloc((size_t)options.requests * (size_t)options.tokens, sizeof *times);
  int streams = options.concurrency < options.requests ? options.concurrency : options.requests;
  stream *all = sb_calloc((size_t)streams, sizeof *all);
  int64_t cpu = sb_clock_process_cpu(), wall = sb_clock_now();
  for (int i = 0; i < streams; i++) {
    all[i].fd = -1;
    send_next(&all[i]);
  }
  struct epoll_event events[EVENTS];
  while (ended < options.requests) {
    int n = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++)
      readable(events[i].data.ptr);
  }
  cpu = sb_clock_process_cpu() - cpu;
  wall = sb_clock_now() - wall;
  write_result((double)cpu / 1e3, (double)wall / 1e9, resident_mb());
  if (times)
    write_times();
  for (int i = 0; i < streams; i++)
    free(all[i].rest);
  free(all);
  free(times);
  free(ttft.values);
  free(itl.values);
  free(tpot.values);
  sb_strbuf_deinit(&request);
  close(epoll);
  return completed == options.requests ? 0 : 3;
}
