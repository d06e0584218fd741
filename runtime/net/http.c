#include "net/http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strbuf.h"

/* Timeouts are looked at this often: far finer than any timeout, and it costs nothing a chunk. */
enum { WATCH_PERIOD_MS = 20 };

/* Bytes asked of the kernel a read; libcurl's smallest buffer for a request's body. Both are a stream's own. */
enum { RECEIVE_BUFFER = 16 * 1024, SEND_BUFFER = 16 * 1024 };

/* libuv takes so many readinesses from the kernel at a time. */
enum { EVENTS_A_WAIT = 1024 };

struct sb_http {
  CURLM *multi;
  uv_timer_t timer;          /* libcurl's own timeout */
  uv_timer_t watch;          /* ours: looks for requests that are late */
  uv_prepare_t before_wait;  /* a new batch of readinesses begins */
  int open_handles;          /* libuv handles not yet closed; the last one frees */
  int64_t now;               /* stamp of the batch of readinesses being handled */
  int64_t batch_start;       /* its first stamp; 0 between batches */
  int stamped;               /* how many of that batch were handled; 0: not stamped yet */
  sb_http_request *active;   /* doubly linked */
  int active_count;
  sb_http_request *idle;     /* singly linked, easy handles ready for use */
  sb_http_stats stats;
  sb_strbuf no_proxy;
  bool closing;
};

struct sb_http_request {
  sb_http *http;
  CURL *easy;
  struct curl_slist *headers;
  sb_http_request *next, **link;
  sb_http_call call;
  int64_t t_added, t_first_byte, t_last_byte;
  char error[CURL_ERROR_SIZE];
};

typedef struct poll_context {
  uv_poll_t poll;
  sb_http *http;
  curl_socket_t socket;
} poll_context;

static void on_handle_closed(uv_handle_t *handle)
{
  sb_http *http = handle->data;
  if (--http->open_handles == 0)
    free(http);
}

static void on_poll_closed(uv_handle_t *handle)
{
  poll_context *context = handle->data;
  sb_http *http = context->http;
  free(context);
  if (--http->open_handles == 0)
    free(http);
}

static void unlink_request(sb_http_request *request)
{
  *request->link = request->next;
  if (request->next)
    request->next->link = request->link;
}

/* Takes the request off libcurl and keeps its easy handle for the next one. */
static void retire(sb_http_request *request)
{
  sb_http *http = request->http;
  curl_multi_remove_handle(http->multi, request->easy);
  curl_slist_free_all(request->headers);
  request->headers = NULL;
  unlink_request(request);
  http->active_count--;
  request->next = http->idle;
  http->idle = request;
  if (!http->active)
    uv_timer_stop(&http->watch);
}

static void report(sb_http_request *request, int code, int silent, const char *error)
{
  long status = 0;
  curl_off_t before_send = 0, connect = 0;
  char *content_type = NULL;
  curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &before_send);
  curl_easy_getinfo(request->easy, CURLINFO_CONNECT_TIME_T, &connect);
  curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, &content_type);
  sb_http_result result = {
    .code = code,
    .silent = silent,
    .status = (int)status,
    .connected = connect > 0 || before_send > 0,
    .t_send_ns = before_send > 0 ? request->t_added + before_send * SB_NS_PER_US : 0,
    .t_first_byte_ns = request->t_first_byte,
    .t_done_ns = request->http->now > request->t_last_byte ? request->http->now : request->t_last_byte,
    .error = error,
    .content_type = content_type,
  };
  sb_http_call call = request->call;
  char type[128];
  if (content_type) { /* it dies with the transfer */
    snprintf(type, sizeof type, "%s", content_type);
    result.content_type = type;
  }
  char text[CURL_ERROR_SIZE];
  if (error) {
    snprintf(text, sizeof text, "%s", error);
    result.error = text;
  }
  retire(request);
  call.on_done(call.context, &result);
}

/* Reports every transfer that libcurl has finished. Never called from inside one of libcurl's callbacks, so
 * on_done is free to start the next request. */
static void collect(sb_http *http)
{
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(http->multi, &left))) {
    if (message->msg != CURLMSG_DONE)
      continue;
    sb_http_request *request;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
    CURLcode code = message->data.result;
    if (code == CURLE_OK)
      report(request, SB_OK, 0, NULL);
    else
      report(request, SB_EIO, 0, request->error[0] ? request->error : curl_easy_strerror(code));
  }
}

static void act(sb_http *http, curl_socket_t socket, int events)
{
  int running;
  curl_multi_socket_action(http->multi, socket, events, &running);
  collect(http);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  poll_context *context = poll->data;
  int flags = status < 0 ? CURL_CSELECT_ERR : 0;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  sb_http *http = context->http;
  http->stats.reads += (events & UV_READABLE) != 0;
  if (http->stamped % EVENTS_A_WAIT == 0)
    http->now = sb_clock_now();
  if (http->stamped++ == 0)
    http->batch_start = http->now;
  act(http, context->socket, flags);
}

/* All that the kernel reports ready at one moment carries one time, read when the first of it is handled: what
 * the client then spends on each stream is not booked as the later streams' waiting. */
static void on_before_wait(uv_prepare_t *prepare)
{
  sb_http *http = prepare->data;
  http->stamped = 0;
  http->batch_start = 0;
}

static void on_timer(uv_timer_t *timer)
{
  sb_http *http = timer->data;
  http->now = sb_clock_now();
  act(http, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl's wish for a timeout. It must not be called back from here, so even 0 goes through the loop; libuv
 * runs a 0 ms timer at the start of its next turn, without waiting. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
  (void)multi;
  sb_http *http = user;
  if (http->closing)
    return 0;
  if (timeout_ms < 0)
    uv_timer_stop(&http->timer);
  else
    uv_timer_start(&http->timer, on_timer, (uint64_t)timeout_ms, 0);
  return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *socket_user)
{
  (void)easy;
  sb_http *http = user;
  poll_context *context = socket_user;
  if (what == CURL_POLL_REMOVE) {
    if (context) {
      curl_multi_assign(http->multi, socket, NULL);
      uv_close((uv_handle_t *)&context->poll, on_poll_closed);
    }
    return 0;
  }
  if (!context) {
    context = sb_calloc(1, sizeof *context);
    context->http = http;
    context->socket = socket;
    if (uv_poll_init_socket(http->timer.loop, &context->poll, socket)) {
      free(context);
      return -1;
    }
    context->poll.data = context;
    http->open_handles++;
    curl_multi_assign(http->multi, socket, context);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  uv_poll_start(&context->poll, events, on_poll);
  return 0;
}

static size_t on_body(char *data, size_t unit, size_t count, void *user)
{
  sb_http_request *request = user;
  sb_http *http = request->http;
  size_t size = unit * count;
  if (!request->t_first_byte)
    request->t_first_byte = http->now;
  request->t_last_byte = http->now;
  http->stats.bytes += size;
  if (request->call.on_data) {
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    request->call.on_data(request->call.context, (int)status, data, size, http->now);
  }
  return size;
}

/* Headers count as life, though their content is libcurl's business. */
static size_t on_header(char *data, size_t unit, size_t count, void *user)
{
  (void)data;
  sb_http_request *request = user;
  request->t_last_byte = request->http->now;
  return unit * count;
}

static void on_watch(uv_timer_t *watch)
{
  sb_http *http = watch->data;
  http->now = sb_clock_now();
  /* a report may start or cancel others, so the walk begins again after each; late ones are rare */
  for (sb_http_request *r = http->active; r;) {
    const sb_http_call *call = &r->call;
    char text[CURL_ERROR_SIZE];
    if (call->timeout_ns && http->now - r->t_added > call->timeout_ns) {
      snprintf(text, sizeof text, "not complete after %.3g s (request timeout)", (double)call->timeout_ns / 1e9);
      report(r, SB_ETIMEOUT, 0, text);
    } else if (call->silence_ns && http->now - r->t_last_byte > call->silence_ns) {
      snprintf(text, sizeof text, "no byte for %.3g s (chunk timeout)", (double)call->silence_ns / 1e9);
      report(r, SB_ETIMEOUT, 1, text);
    } else {
      r = r->next;
      continue;
    }
    r = http->active;
  }
}

sb_http *sb_http_new(uv_loop_t *loop, sb_err *err)
{
  static bool initialised;
  if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT)) {
    sb_err_set(err, SB_EIO, "libcurl cannot be initialised");
    return NULL;
  }
  initialised = true;
  sb_http *http = sb_calloc(1, sizeof *http);
  http->multi = curl_multi_init();
  if (!http->multi) {
    free(http);
    sb_err_set(err, SB_ENOMEM, "libcurl has no multi handle");
    return NULL;
  }
  uv_timer_init(loop, &http->timer);
  uv_timer_init(loop, &http->watch);
  uv_prepare_init(loop, &http->before_wait);
  http->timer.data = http->watch.data = http->before_wait.data = http;
  http->open_handles = 3;
  uv_prepare_start(&http->before_wait, on_before_wait);
  uv_unref((uv_handle_t *)&http->before_wait); /* it alone keeps no loop alive */
  curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
  curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
  curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 65536L);
  /* a loopback server is never behind the user's proxy */
  sb_strbuf_puts(&http->no_proxy, "127.0.0.1,localhost,::1");
  const char *more = getenv("no_proxy");
  if (more && *more)
    sb_strbuf_printf(&http->no_proxy, ",%s", more);
  return http;
}

void sb_http_free(sb_http *http)
{
  if (!http)
    return;
  http->closing = true;
  while (http->active)
    retire(http->active);
  while (http->idle) {
    sb_http_request *request = http->idle;
    http->idle = request->next;
    curl_easy_cleanup(request->easy);
    free(request);
  }
  curl_multi_cleanup(http->multi);
  sb_strbuf_deinit(&http->no_proxy);
  uv_close((uv_handle_t *)&http->timer, on_handle_closed);
  uv_close((uv_handle_t *)&http->watch, on_handle_closed);
  uv_close((uv_handle_t *)&http->before_wait, on_handle_closed);
}

static sb_http_request *take_request(sb_http *http)
{
  sb_http_request *request = http->idle;
  if (request) {
    http->idle = request->next;
    curl_easy_reset(request->easy);
    return request;
  }
  request = sb_calloc(1, sizeof *request);
  request->http = http;
  request->easy = curl_easy_init();
  if (!request->easy) {
    free(request);
    return NULL;
  }
  return request;
}

static CURLcode configure(sb_http_request *request)
{
  CURL *easy = request->easy;
  const sb_http_call *call = &request->call;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, request->http->no_proxy.data);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
  if (call->body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
  }
  if (call->method)
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
  return curl_easy_setopt(easy, CURLOPT_URL, call->url);
}

/* Sends what was just added at once, so that its clock starts with it and not with the loop's next turn. What
 * arrives meanwhile carries a stamp of its own. A transfer that ended already (refused, say) is reported from
 * the loop, never from inside sb_http_start. */
static void kick(sb_http *http)
{
  int running = 0;
  int64_t batch = http->now;
  http->now = sb_clock_now();
  curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  http->now = batch;
  if (running < http->active_count)
    uv_timer_start(&http->timer, on_timer, 0, 0);
}

/* "http://host" at least; libcurl would try to guess the rest. */
static bool is_http_url(const char *url)
{
  return (!strncmp(url, "http://", 7) && url[7]) || (!strncmp(url, "https://", 8) && url[8]);
}

sb_http_request *sb_http_start(sb_http *http, const sb_http_call *call, sb_err *err)
{
  if (!is_http_url(call->url)) {
    sb_err_set(err, SB_EINVAL, "not an http:// or https:// URL: %.200s", call->url);
    return NULL;
  }
  sb_http_request *request = take_request(http);
  if (!request) {
    sb_err_set(err, SB_ENOMEM, "libcurl has no easy handle");
    return NULL;
  }
  request->call = *call;
  request->error[0] = '\0';
  request->t_first_byte = 0;
  for (const char *const *h = call->headers; h && *h; h++)
    request->headers = curl_slist_append(request->headers, *h);
  if (call->body) /* libcurl would wait for "100 Continue" on larger bodies */
    request->headers = curl_slist_append(request->headers, "Expect:");
  CURLcode code = configure(request);
  request->call.url = NULL; /* libcurl has its copies; ours are the caller's */
  request->call.headers = NULL;
  request->call.method = NULL;

  request->next = http->active;
  request->link = &http->active;
  if (http->active)
    http->active->link = &request->next;
  else
    uv_timer_start(&http->watch, on_watch, WATCH_PERIOD_MS, WATCH_PERIOD_MS);
  http->active = request;
  http->active_count++;

  request->t_added = request->t_last_byte = sb_clock_now();
  if (code == CURLE_OK && curl_multi_add_handle(http->multi, request->easy) == CURLM_OK) {
    kick(http);
    return request;
  }
  sb_err_set(err, SB_EINVAL, "request refused: %s", curl_easy_strerror(code));
  retire(request);
  return NULL;
}

void sb_http_cancel(sb_http_request *request)
{
  retire(request);
}

int64_t sb_http_batch_start(const sb_http *http)
{
  return http->batch_start;
}

sb_http_stats sb_http_get_stats(const sb_http *http)
{
  return http->stats;
}
