#include "net/http.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "net/connection.h"
#include "net/http1.h"
#include "net/response.h"
#include "net/url.h"

/* Timeouts are looked at this often: far finer than any timeout, and it costs nothing a chunk. */
enum { WATCH_PERIOD_MS = 20 };

/* Later than this, the loop itself stood still (SIGSTOP, a suspended machine): what waits in the sockets is read
 * before anybody is blamed for it. */
static const int64_t STILL_NS = 200 * SB_NS_PER_MS;

struct sb_http {
  uv_timer_t watch;  /* looks for requests that are late, from the first one on that may be */
  int64_t watch_due; /* when it is to look again */
  sb_connections *connections;
  LIST_HEAD(, sb_http_request) active;
  LIST_HEAD(, sb_http_request) idle; /* their buffers serve the next ones */
};

/* What every read needs is in the middle, from the end of `call` to the beginning of `response`: few cache lines. */
struct sb_http_request {
  sb_http *http;
  sb_connection *connection;
  LIST_ENTRY(sb_http_request) link; /* in one of the two */
  char *origin;
  sb_strbuf head;    /* the request line and headers */
  size_t sent;       /* of head and body */
  sb_http_call call; /* without what the caller may free: URL, headers, method */
  int64_t t_start, t_send, t_first_byte, t_last_byte;
  int64_t stood_still; /* how long the loop itself did since the start: nobody's waiting */
  uint64_t body_size;  /* of the answer, so far */
  sb_response response;
  sb_http1_persistence persistence; /* what the request itself says of its connection */
  bool to_head, connected, retried, resent;
};

static void on_watch_closed(uv_handle_t *handle)
{
  free(handle->data);
}

/* Ends the request's life but for its memory. Its connection serves on where the answer allows it. */
static void retire(sb_http_request *request, bool reusable)
{
  sb_http *http = request->http;
  if (request->connection && reusable)
    sb_connection_release(request->connection);
  else if (request->connection)
    sb_connection_close(request->connection);
  request->connection = NULL;
  free(request->origin);
  request->origin = NULL;
  LIST_REMOVE(request, link);
  LIST_INSERT_HEAD(&http->idle, request, link);
  if (LIST_EMPTY(&http->active))
    uv_timer_stop(&http->watch);
}

static void report(sb_http_request *request, int code, const char *error, bool silent, bool reusable,
                   int64_t t_ns)
{
  const sb_response *response = &request->response;
  char type[sizeof response->content_type]; /* the request may serve again before on_done returns */
  memcpy(type, response->content_type, sizeof type);
  sb_http_result result = {
    .code = code,
    .silent = silent,
    .status = response->status >= 200 ? response->status : 0,
    .connected = request->connected,
    .resent = request->resent,
    .t_send_ns = request->t_send,
    .t_first_byte_ns = request->t_first_byte,
    .t_done_ns = t_ns,
    .error = error,
    .content_type = type[0] ? type : NULL,
  };
  sb_http_call call = request->call;
  retire(request, reusable);
  call.on_done(call.context, &result);
}

static void fail(sb_http_request *request, const char *error, int64_t t_ns)
{
  report(request, SB_EIO, error, false, false, t_ns);
}

static size_t request_size(const sb_http_request *request)
{
  return request->head.size + request->call.body_size;
}

/* What is left of head and body, as far as the kernel takes it. */
static void send_on(sb_http_request *request)
{
  size_t head_sent = request->sent < request->head.size ? request->sent : request->head.size;
  size_t body_sent = request->sent - head_sent;
  char *body = (char *)request->call.body; /* to which nothing is added where it is NULL */
  struct iovec parts[2] = {
    { request->head.data + head_sent, request->head.size - head_sent },
    { body ? body + body_sent : NULL, request->call.body_size - body_sent },
  };
  int from = head_sent == request->head.size, to = parts[1].iov_len ? 2 : 1;
  ssize_t n = sb_connection_send(request->connection, parts + from, to - from);
  if (n > 0)
    request->sent += (size_t)n;
}

/* The connection stands: the request's time begins. */
static void begin_sending(sb_http_request *request)
{
  request->connected = true;
  request->sent = 0;
  sb_response_reset(&request->response, request->to_head);
  request->t_send = request->t_last_byte = sb_clock_now();
  send_on(request);
}

static void on_open(void *user, const char *error)
{
  sb_http_request *request = user;
  if (!error) {
    begin_sending(request);
    return;
  }
  request->connection = NULL;
  fail(request, error, sb_clock_now());
}

static void on_writable(void *user)
{
  send_on(user);
}

static bool on_read(void *user, char *data, size_t size, int64_t t_ns)
{
  sb_http_request *request = user;
  sb_response *response = &request->response;
  if (t_ns < request->t_send) /* sent within the batch of readinesses that the stamp belongs to */
    t_ns = sb_clock_now();
  request->t_last_byte = t_ns;
  sb_response_body body;
  size_t used = sb_response_feed(response, data, size, &body);
  if (body.size) {
    if (!request->t_first_byte)
      request->t_first_byte = t_ns;
    if (request->call.on_data)
      request->call.on_data(request->call.context, response->status, body.data, body.size, t_ns);
    request->body_size += body.size;
    if (request->call.max_body && request->body_size > request->call.max_body) {
      char text[64];
      snprintf(text, sizeof text, "the answer is larger than %" PRIu64 " bytes", request->call.max_body);
      fail(request, text, t_ns);
      return false;
    }
  }
  if (response->state < SB_RESPONSE_COMPLETE)
    return true;
  if (response->state == SB_RESPONSE_REFUSED)
    fail(request, response->reason, t_ns);
  else
    report(request, SB_OK, NULL, false,
           response->keep_alive && !request->persistence.close && used == size &&
               request->sent == request_size(request),
           t_ns);
  return false;
}

/* A server may close a resting connection just as we send on it: then a fresh one gets the request again. */
static bool retry(sb_http_request *request)
{
  if (request->retried || request->response.begun || !sb_connection_is_reused(request->connection))
    return false;
  request->retried = true;
  request->resent = request->sent > 0;
  sb_log(SB_LOG_DEBUG, "retry on a fresh connection to %s", request->origin);
  sb_connection_close(request->connection);
  request->connected = false;
  request->connection = sb_connections_get(request->http->connections, request->origin, true, request, NULL);
  return request->connection != NULL;
}

static void on_lost(void *user, const char *error, int64_t t_ns)
{
  sb_http_request *request = user;
  sb_response *response = &request->response;
  if (retry(request))
    return;
  if (t_ns < request->t_last_byte)
    t_ns = sb_clock_now();
  if (!error)
    sb_response_end(response);
  if (!error && response->state == SB_RESPONSE_COMPLETE)
    report(request, SB_OK, NULL, false, false, t_ns);
  else
    fail(request, error ? error : response->reason, t_ns);
}

static void on_watch(uv_timer_t *watch)
{
  sb_http *http = watch->data;
  int64_t now = sb_clock_now(), late = now - http->watch_due;
  http->watch_due = now + WATCH_PERIOD_MS * SB_NS_PER_MS;
  sb_http_request *r;
  if (late > STILL_NS) {
    LIST_FOREACH (r, &http->active, link)
      r->stood_still += late;
    return;
  }
  /* a report may start or cancel others, so the walk begins again after each; late ones are rare */
  for (r = LIST_FIRST(&http->active); r;) {
    const sb_http_call *call = &r->call;
    char text[96];
    if (call->timeout_ns && now - r->stood_still - r->t_start > call->timeout_ns) {
      snprintf(text, sizeof text, "not complete after %.3g s (request timeout)",
               (double)call->timeout_ns / 1e9);
      report(r, SB_ETIMEOUT, text, false, false, now);
    } else if (call->chunk_timeout_ns && now - r->stood_still - r->t_last_byte > call->chunk_timeout_ns) {
      snprintf(text, sizeof text, "no byte for %.3g s (chunk timeout)", (double)call->chunk_timeout_ns / 1e9);
      report(r, SB_ETIMEOUT, text, true, false, now);
    } else {
      r = LIST_NEXT(r, link);
      continue;
    }
    r = LIST_FIRST(&http->active);
  }
}

sb_http *sb_http_new(sb_loop *loop, sb_err *err)
{
  static const sb_connection_events events = { on_open, on_writable, on_read, on_lost };
  sb_connections *connections = sb_connections_new(loop, &events, err);
  if (!connections)
    return NULL;
  sb_http *http = sb_calloc(1, sizeof *http);
  http->connections = connections;
  uv_timer_init(sb_loop_uv(loop), &http->watch);
  http->watch.data = http;
  return http;
}

void sb_http_free(sb_http *http)
{
  if (!http)
    return;
  sb_http_request *request;
  while ((request = LIST_FIRST(&http->active)))
    retire(request, false);
  while ((request = LIST_FIRST(&http->idle))) {
    LIST_REMOVE(request, link);
    sb_strbuf_deinit(&request->head);
    sb_response_deinit(&request->response);
    free(request);
  }
  sb_connections_free(http->connections);
  uv_close((uv_handle_t *)&http->watch, on_watch_closed);
}

static void put_header(sb_strbuf *head, const char *name, const char *value)
{
  sb_strbuf_puts(head, name);
  sb_strbuf_puts(head, value);
  sb_strbuf_puts(head, "\r\n");
}

/* Whether a request of this method is expected to have a body, so that one without says so (RFC 9110, section 8.6): some
 * servers answer 411 otherwise. */
static bool means_a_body(const char *method)
{
  return !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

/* The request line and headers; the caller's headers stand in for those that would be sent anyway. */
static int write_head(sb_http_request *request, const char *method, const sb_url *url,
                      const sb_http_call *call, sb_err *err)
{
  sb_strbuf *head = &request->head;
  bool own_host = false, own_accept = false, own_credentials = false;
  sb_strbuf_clear(head);
  sb_strbuf_puts(head, method);
  sb_strbuf_puts(head, " ");
  put_header(head, url->target, " HTTP/1.1");
  for (const char *const *h = call->headers; h && *h; h++) {
    const char *colon = strchr(*h, ':');
    sb_http1_slice name = { *h, colon ? (size_t)(colon - *h) : 0 };
    if (!name.size || strpbrk(*h, "\r\n"))
      return sb_err_set(err, SB_EINVAL, "a header is one line \"Name: value\", not: %.100s", *h);
    own_host = own_host || sb_http1_is(name, "Host");
    own_accept = own_accept || sb_http1_is(name, "Accept");
    own_credentials = own_credentials || sb_http1_is(name, "Authorization");
    if (sb_http1_is(name, "Connection"))
      sb_http1_connection_field(&request->persistence, (sb_http1_slice){ colon + 1, strlen(colon + 1) });
    put_header(head, *h, "");
  }
  if (!own_host)
    put_header(head, "Host: ", url->host);
  if (!own_accept)
    put_header(head, "Accept: */*", "");
  if (!own_credentials && url->credentials)
    put_header(head, "Authorization: Basic ", url->credentials);
  if (call->body || means_a_body(method))
    sb_strbuf_printf(head, "Content-Length: %zu\r\n", request->call.body_size);
  sb_strbuf_puts(head, "\r\n");
  return SB_OK;
}

static sb_http_request *take_request(sb_http *http)
{
  sb_http_request *request = LIST_FIRST(&http->idle);
  if (!request)
    return sb_calloc(1, sizeof *request);
  LIST_REMOVE(request, link);
  sb_strbuf head = request->head;
  sb_response response = request->response;
  *request = (sb_http_request){ .head = head, .response = response };
  return request;
}

sb_http_request *sb_http_start(sb_http *http, const sb_http_call *call, sb_err *err)
{
  const char *method = call->method ? call->method : call->body ? "POST" : "GET";
  sb_url url;
  if (!sb_http1_is_token((sb_http1_slice){ method, strlen(method) })) {
    sb_err_set(err, SB_EINVAL, "not an HTTP method: %.100s", method);
    return NULL;
  }
  if (sb_url_parse(call->url, &url, err))
    return NULL;
  sb_http_request *request = take_request(http);
  request->http = http;
  request->call = *call;
  request->call.url = request->call.method = NULL;
  request->call.headers = NULL;
  if (!call->body)
    request->call.body_size = 0;
  request->to_head = !strcmp(method, "HEAD");
  sb_response_reset(&request->response, request->to_head);
  request->t_start = request->t_last_byte = sb_clock_now();
  if (write_head(request, method, &url, call, err) == SB_OK)
    request->connection = sb_connections_get(http->connections, url.origin, false, request, err);
  request->origin = url.origin;
  url.origin = NULL;
  sb_url_deinit(&url);

  if ((call->timeout_ns || call->chunk_timeout_ns) && !uv_is_active((uv_handle_t *)&http->watch)) {
    http->watch_due = request->t_start + WATCH_PERIOD_MS * SB_NS_PER_MS;
    uv_timer_start(&http->watch, on_watch, WATCH_PERIOD_MS, WATCH_PERIOD_MS);
  }
  LIST_INSERT_HEAD(&http->active, request, link);
  if (!request->connection) {
    retire(request, false);
    return NULL;
  }
  if (sb_connection_is_open(request->connection))
    begin_sending(request);
  return request;
}

void sb_http_cancel(sb_http_request *request)
{
  retire(request, false);
}

void sb_http_finish(sb_http_request *request, int code, const char *error)
{
  report(request, code, error, false, false, sb_clock_now());
}

sb_stamps *sb_http_stamps(sb_http *http)
{
  return sb_connections_stamps(http->connections);
}
