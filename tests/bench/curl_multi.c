/* Plain libcurl: one multi handle and curl_multi_socket_action on epoll, as libcurl's own examples drive it, with
 * libcurl's HTTP parser and a timestamp a call of the write function. What it does with the bytes is the floor's,
 * so that the difference between the two is libcurl's, and that to ours what framing answers ourselves saves.
 * Its options and its file are client.h's. */

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "client.h"

enum { EVENTS = 512 };

typedef struct stream {
  bench_stream in;
  CURL *easy;
  struct curl_slist *headers;
} stream;

static CURLM *multi;
static sb_strbuf body, url;
static int epoll;
static int64_t timeout_at = INT64_MAX; /* libcurl's wish */

static size_t on_bytes(char *bytes, size_t size, size_t count, void *user)
{
  static char buffer[BENCH_LINE_BYTES + BENCH_READ_BYTES];
  stream *s = user;
  size *= count;
  memcpy(buffer + BENCH_LINE_BYTES, bytes, size);
  bench_bytes(&s->in, buffer + BENCH_LINE_BYTES, size, sb_clock_now());
  return size;
}

static int on_timeout(CURLM *handle, long ms, void *user)
{
  (void)handle;
  (void)user;
  timeout_at = ms < 0 ? INT64_MAX : sb_clock_now() + ms * SB_NS_PER_MS;
  return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
  (void)easy;
  (void)user;
  struct epoll_event event = {
    .events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u), .data.fd = fd
  };
  epoll_ctl(epoll,
            what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL
            : known                  ? EPOLL_CTL_MOD
                                     : EPOLL_CTL_ADD,
            fd, &event);
  curl_multi_assign(multi, fd, what == CURL_POLL_REMOVE ? NULL : &epoll);
  return 0;
}

static void send_next(stream *s)
{
  if (!bench_next(&s->in))
    return;
  char id[64];
  snprintf(id, sizeof id, "X-Request-Id: floor-%08d", s->in.number);
  curl_slist_free_all(s->headers);
  s->headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), id);
  curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
  if (curl_multi_add_handle(multi, s->easy) != CURLM_OK)
    bench_die("curl_multi_add_handle");
}

static void open_stream(stream *s)
{
  s->easy = curl_easy_init();
  if (!s->easy)
    bench_die("curl_easy_init");
  curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
  curl_easy_setopt(s->easy, CURLOPT_URL, url.data);
  curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body.data);
  curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)body.size);
  curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
  curl_easy_setopt(s->easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
}

static void collect(void)
{
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(multi, &left))) {
    stream *s;
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&s);
    curl_multi_remove_handle(multi, easy);
    bench_end_request(&s->in, code == CURLE_OK && s->in.done);
    send_next(s);
  }
}

static void turn(void)
{
  struct epoll_event events[EVENTS];
  int running, wait = -1;
  int64_t now = sb_clock_now();
  if (timeout_at != INT64_MAX)
    wait = timeout_at > now ? (int)((timeout_at - now) / SB_NS_PER_MS) + 1 : 0;
  int n = epoll_wait(epoll, events, EVENTS, wait);
  for (int i = 0; i < n; i++) {
    int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(multi, events[i].data.fd, what, &running);
  }
  if (timeout_at != INT64_MAX && sb_clock_now() >= timeout_at) {
    timeout_at = INT64_MAX;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  collect();
}

int main(int argc, char **argv)
{
  bench_begin("curl_multi", argc, argv);
  bench_body(&body);
  sb_strbuf_printf(&url, "%s/v1/chat/completions", options.url);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 65536L);
  int streams = options.concurrency < options.requests ? options.concurrency : options.requests;
  stream *all = sb_calloc((size_t)streams, sizeof *all);
  int64_t cpu = sb_clock_process_cpu(), wall = sb_clock_now();
  for (int i = 0; i < streams; i++) {
    open_stream(&all[i]);
    send_next(&all[i]);
  }
  while (bench_ended < options.requests)
    turn();
  int status = bench_finish(sb_clock_process_cpu() - cpu, sb_clock_now() - wall);
  for (int i = 0; i < streams; i++) {
    curl_easy_cleanup(all[i].easy);
    curl_slist_free_all(all[i].headers);
    free(all[i].in.rest);
  }
  free(all);
  curl_multi_cleanup(multi);
  curl_global_cleanup();
  sb_strbuf_deinit(&body);
  sb_strbuf_deinit(&url);
  close(epoll);
  return status;
}
