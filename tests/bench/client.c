#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_limit.h"

static const char content[] = "\"content\":";
static const char done[] = "data: [DONE]";

typedef struct samples {
  double *values; /* milliseconds */
  size_t count, capacity;
} samples;

bench_options options = { .model = "model", .concurrency = 64, .requests = 256, .tokens = 256 };
int bench_sent, bench_ended, bench_completed;

static int64_t *times; /* NULL, or room for `tokens` a request; 0: did not come */
static samples ttft, itl, tpot;
static uint64_t all_chunks;

void bench_die(const char *what)
{
  fprintf(stderr, "%s: %s: %s\n", options.name, what, strerror(errno));
  exit(1);
}

static void add(samples *s, double value)
{
  sb_grow(s->values, s->count, s->capacity, 4096);
  s->values[s->count++] = value;
}

static void set_url(const char *url)
{
  char host[64];
  int port;
  options.url = url;
  if (sscanf(url, "http://%63[0-9.]:%d", host, &port) != 2 ||
      inet_pton(AF_INET, host, &options.address.sin_addr) != 1) {
    errno = EINVAL;
    bench_die("--url must be http://ADDRESS:PORT");
  }
  options.address.sin_family = AF_INET;
  options.address.sin_port = htons((uint16_t)port);
}

void bench_begin(const char *name, int argc, char **argv)
{
  options.name = name;
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
  if (argc % 2 == 0 || !options.url || !options.out || options.concurrency < 1 || options.requests < 1 ||
      options.tokens < 1) {
    fprintf(stderr,
            "usage: %s --url http://ADDRESS:PORT --model NAME --concurrency STREAMS --requests N --tokens T"
            " --out FILE [--times FILE]\n",
            name);
    exit(2);
  }
  sb_file_limit_raise();
  if (options.times)
    times = sb_calloc((size_t)options.requests * (size_t)options.tokens, sizeof *times);
}

void bench_body(sb_strbuf *body)
{
  sb_strbuf_printf(
      body,
      "{\"model\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": \"Tell me a short story"
      " about a river and a stone.\"}], \"temperature\": 0, \"max_tokens\": %d, \"stream\": true,"
      " \"ignore_eos\": true, \"stream_options\": {\"include_usage\": true}}",
      options.model, options.tokens);
}

bool bench_next(bench_stream *s)
{
  if (bench_sent == options.requests)
    return false;
  s->number = bench_sent++;
  s->t_send = sb_clock_now();
  s->t_first = s->t_last = 0;
  s->chunks = 0;
  s->done = false;
  s->rest_size = 0;
  return true;
}

static void chunk(bench_stream *s, int64_t now)
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
static void find_chunks(bench_stream *s, const char *at, const char *end, int64_t now)
{
  s->done = s->done || memmem(at, (size_t)(end - at), done, sizeof done - 1);
  while ((at = memmem(at, (size_t)(end - at), content, sizeof content - 1))) {
    at += sizeof content - 1;
    at += at < end && *at == ' ';
    if (end - at > 1 && at[0] == '"' && at[1] != '"')
      chunk(s, now);
  }
}

void bench_bytes(bench_stream *s, char *bytes, size_t size, int64_t now)
{
  char *begin = bytes - s->rest_size, *end = bytes + size;
  if (s->rest_size)
    memcpy(begin, s->rest, s->rest_size);
  const char *line = memrchr(begin, '\n', (size_t)(end - begin));
  line = line ? line + 1 : begin;
  s->rest_size = (size_t)(end - line);
  if (s->rest_size > BENCH_LINE_BYTES) {
    errno = EMSGSIZE;
    bench_die("a line of the answer");
  }
  if (s->rest_size) {
    s->rest = s->rest ? s->rest : sb_alloc(BENCH_LINE_BYTES);
    memcpy(s->rest, line, s->rest_size);
  }
  find_chunks(s, begin, line, now);
}

void bench_end_request(bench_stream *s, bool complete)
{
  bench_ended++;
  bench_completed += complete;
  all_chunks += s->chunks;
  if (s->t_first)
    add(&ttft, (double)(s->t_first - s->t_send) / 1e6);
  if (s->t_first && options.tokens > 1)
    add(&tpot, (double)(s->t_last - s->t_first) / 1e6 / (options.tokens - 1));
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
  free(s->values);
}

static FILE *create(const char *path)
{
  FILE *file = fopen(path, "w");
  if (!file)
    bench_die(path);
  return file;
}

static void write_times(void)
{
  FILE *file = create(options.times);
  for (int i = 0; i < options.requests; i++) {
    const int64_t *mine = times + (size_t)i * (size_t)options.tokens;
    fprintf(file, "{\"id\": %d, \"chunks\": [", i);
    for (int k = 0; k < options.tokens && mine[k]; k++)
      fprintf(file, "%s%lld", k ? ", " : "", (long long)mine[k]);
    fputs("]}\n", file);
  }
  if (fclose(file))
    bench_die(options.times);
  free(times);
}

static double resident_mb(void)
{
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*s %ld", &pages) != 1)
    bench_die("/proc/self/statm");
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

int bench_finish(int64_t cpu_ns, int64_t wall_ns)
{
  double memory_mb = resident_mb();
  FILE *file = create(options.out);
  fputc('{', file);
  put_latency(file, "ttft_ms", &ttft);
  put_latency(file, "itl_ms", &itl);
  put_latency(file, "tpot_ms", &tpot);
  fprintf(file, "\"duration_s\": %.6f, \"completed\": %d, \"chunks\": %llu, ", (double)wall_ns / 1e9,
          bench_completed, (unsigned long long)all_chunks);
  fprintf(file, "\"cpu_us_per_chunk\": %.6f, \"memory_mb\": %.3f}\n",
          (double)cpu_ns / 1e3 / (double)all_chunks, memory_mb);
  if (fclose(file))
    bench_die(options.out);
  if (times)
    write_times();
  return bench_completed == options.requests ? 0 : 3;
}
