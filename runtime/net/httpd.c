#include "net/httpd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/handles.h"
#include "base/strbuf.h"

enum {
  BACKLOG = 4096,
  MAX_QUEUED = 64 * 1024 * 1024, /* a client that is further behind is given up */
  MAX_PIPELINED = 1024 * 1024,   /* bytes of further requests read while one is answered */
  MAX_DISCARDED = 1024 * 1024    /* bytes thrown away while a closing client is still sending */
};

struct sb_httpd {
  uv_tcp_t listener;
  uv_loop_t *loop;
  sb_httpd_handler handler;
  LIST_HEAD(, sb_httpd_conn) conns;
  size_t backlog;
  int port;
  sb_handles handles;
  bool closing;
  char read_buffer[64 * 1024];
};

struct sb_httpd_conn {
  uv_tcp_t tcp;
  sb_httpd *server;
  LIST_ENTRY(sb_httpd_conn) link;
  void *user;
  sb_httpd_parser parser;
  sb_strbuf in;      /* read but not yet parsed */
  sb_strbuf out;     /* collected, not yet written */
  sb_strbuf sending; /* owned by the write under way */
  uv_write_t write;
  uv_shutdown_t shutdown;
  size_t discarded;
  bool answering; /* a request was handed over and is not yet done */
  bool parsing;   /* process() is on the stack */
  bool http_1_0, chunked, head_only, keep_alive;
  bool writing, closing;
  bool finishing; /* no further request: shut down once all is written */
  bool shut;      /* our side is shut down; reading only to let the client finish */
};

static void process(sb_httpd_conn *conn);
static void finish(sb_httpd_conn *conn);

static const char *status_text(int status)
{
  switch (status) {
  case 200: return "OK";
  case 400: return "Bad Request";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 413: return "Content Too Large";
  case 417: return "Expectation Failed";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 503: return "Service Unavailable";
  case 505: return "HTTP Version Not Supported";
  default: return "Unknown";
  }
}

static void on_conn_closed(uv_handle_t *handle)
{
  sb_httpd_conn *conn = handle->data;
  sb_httpd *server = conn->server;
  server->backlog -= conn->sending.size;
  sb_httpd_parser_deinit(&conn->parser);
  sb_strbuf_deinit(&conn->in);
  sb_strbuf_deinit(&conn->out);
  sb_strbuf_deinit(&conn->sending);
  free(conn);
  sb_handles_drop(&server->handles);
}

void sb_httpd_drop(sb_httpd_conn *conn)
{
  if (conn->closing)
    return;
  conn->closing = true;
  LIST_REMOVE(conn, link);
  uv_close((uv_handle_t *)&conn->tcp, on_conn_closed);
}

/* The client is gone: the one who answers must hear it before the connection dies. */
static void lost(sb_httpd_conn *conn)
{
  if (conn->closing)
    return;
  if (conn->answering)
    conn->server->handler.on_abort(conn->server->handler.context, conn);
  sb_httpd_drop(conn);
}

sb_httpd *sb_httpd_new(uv_loop_t *loop, const sb_httpd_handler *handler)
{
  sb_httpd *server = sb_calloc(1, sizeof *server);
  server->loop = loop;
  server->handler = *handler;
  uv_tcp_init(loop, &server->listener);
  server->listener.data = server;
  server->handles = sb_handles_of(server, 1, free);
  return server;
}

void sb_httpd_free(sb_httpd *server)
{
  if (!server)
    return;
  server->closing = true;
  while (!LIST_EMPTY(&server->conns))
    sb_httpd_drop(LIST_FIRST(&server->conns));
  sb_handles_close(&server->handles, (uv_handle_t *)&server->listener);
  sb_handles_drop(&server->handles);
}

static void on_written(uv_write_t *write, int status)
{
  sb_httpd_conn *conn = write->data;
  conn->writing = false;
  if (conn->closing)
    return;
  conn->server->backlog -= conn->sending.size;
  sb_strbuf_clear(&conn->sending);
  if (status < 0) {
    lost(conn);
    return;
  }
  int rc = conn->out.size ? sb_httpd_flush(conn) : SB_OK;
  if (rc < 0)
    lost(conn);
  else if (rc == SB_OK && conn->answering)
    conn->server->handler.on_drain(conn->server->handler.context, conn);
  else if (rc == SB_OK && conn->finishing)
    finish(conn);
}

int sb_httpd_flush(sb_httpd_conn *conn)
{
  if (conn->closing)
    return SB_EIO;
  if (conn->writing)
    return conn->out.size + conn->sending.size > MAX_QUEUED ? SB_EIO : 1;
  uv_buf_t buf = uv_buf_init(conn->out.data, (unsigned)conn->out.size);
  int sent = conn->out.size ? uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1) : 0;
  if (sent < 0 && sent != UV_EAGAIN)
    return SB_EIO;
  if (sent >= 0 && (size_t)sent == conn->out.size) {
    sb_strbuf_clear(&conn->out);
    return SB_OK;
  }
  if (sent > 0)
    sb_strbuf_consume(&conn->out, (size_t)sent);
  sb_strbuf rest = conn->out;
  conn->out = conn->sending;
  conn->sending = rest;
  buf = uv_buf_init(rest.data, (unsigned)rest.size);
  conn->write.data = conn;
  if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written)) {
    sb_strbuf_clear(&conn->sending);
    return SB_EIO;
  }
  conn->writing = true;
  conn->server->backlog += rest.size;
  return 1;
}

static void put_head(sb_httpd_conn *conn, int status, const char *content_type, const char *extra_headers)
{
  sb_strbuf_printf(&conn->out, "HTTP/1.1 %d %s\r\ncontent-type: %s\r\n%s%s", status, status_text(status),
                   content_type, extra_headers, conn->keep_alive ? "" : "connection: close\r\n");
}

void sb_httpd_begin(sb_httpd_conn *conn, int status, const char *content_type, long long declared_size)
{
  conn->chunked = declared_size < 0 && !conn->http_1_0;
  if (declared_size < 0 && !conn->chunked)
    conn->keep_alive = false; /* HTTP/1.0 knows the end of such a body by the connection's */
  put_head(conn, status, content_type, "");
  if (conn->chunked)
    sb_strbuf_puts(&conn->out, "transfer-encoding: chunked\r\n");
  else if (declared_size >= 0)
    sb_strbuf_printf(&conn->out, "content-length: %lld\r\n", declared_size);
  sb_strbuf_puts(&conn->out, "\r\n");
}

void sb_httpd_body(sb_httpd_conn *conn, const void *data, size_t size)
{
  if (conn->head_only || size == 0)
    return;
  if (!conn->chunked) {
    sb_strbuf_append(&conn->out, data, size);
    return;
  } /* by hand, because this runs for every chunk of every stream */
  char frame[2 * sizeof size + 2], *at = frame + sizeof frame;
  *--at = '\n';
  *--at = '\r';
  for (size_t n = size; n; n >>= 4)
    *--at = "0123456789abcdef"[n & 15];
  sb_strbuf_append(&conn->out, at, (size_t)(frame + sizeof frame - at));
  sb_strbuf_append(&conn->out, data, size);
  sb_strbuf_append(&conn->out, "\r\n", 2);
}

void sb_httpd_last(sb_httpd_conn *conn)
{
  if (conn->chunked && !conn->head_only)
    sb_strbuf_puts(&conn->out, "0\r\n\r\n");
}

/* Closing at once while the client still sends would reset the connection and could destroy the answer on its
 * way: say that we are done, and let the client close. */
static void finish(sb_httpd_conn *conn)
{
  conn->finishing = true;
  if (conn->writing || conn->shut || conn->closing)
    return;
  conn->shut = true;
  if (uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, NULL))
    sb_httpd_drop(conn);
}

void sb_httpd_done(sb_httpd_conn *conn)
{
  conn->answering = false;
  conn->user = NULL;
  if (conn->closing)
    return;
  if (!conn->keep_alive)
    finish(conn);
  else if (!conn->parsing)
    process(conn);
}

void sb_httpd_respond(sb_httpd_conn *conn, int status, const char *content_type, const char *extra_headers,
                      const void *body, size_t size)
{
  conn->chunked = false;
  put_head(conn, status, content_type, extra_headers);
  sb_strbuf_printf(&conn->out, "content-length: %zu\r\n\r\n", size);
  sb_httpd_body(conn, body, size);
  if (sb_httpd_flush(conn) < 0)
    sb_httpd_drop(conn);
  sb_httpd_done(conn);
}

static void refuse(sb_httpd_conn *conn)
{
  char body[256];
  int n = snprintf(body, sizeof body,
                   "{\"error\":{\"message\":\"%s\",\"type\":\"BadRequestError\",\"param\":null,\"code\":%d}}",
                   conn->parser.reason, conn->parser.status);
  conn->keep_alive = false;
  conn->head_only = false;
  sb_strbuf_clear(&conn->in);
  sb_httpd_respond(conn, conn->parser.status, "application/json", "", body, (size_t)n);
}

/* Takes requests out of what was read, one at a time. A loop, not a recursion: a client may pipeline many. */
static void process(sb_httpd_conn *conn)
{
  conn->parsing = true;
  while (conn->in.size && !conn->answering && !conn->finishing && !conn->closing) {
    sb_httpd_parser *p = &conn->parser;
    sb_strbuf_consume(&conn->in, sb_httpd_parser_feed(p, conn->in.data, conn->in.size));
    if (p->state == SB_HTTPD_REFUSED) {
      refuse(conn);
    } else if (p->state == SB_HTTPD_COMPLETE) {
      conn->answering = true;
      conn->http_1_0 = p->http_1_0;
      conn->keep_alive = p->keep_alive;
      conn->head_only = !strcmp(p->method, "HEAD");
      conn->server->handler.on_request(conn->server->handler.context, conn, p);
      sb_httpd_parser_reset(p);
    } else if (p->state != SB_HTTPD_HEAD && p->expects_continue) {
      p->expects_continue = false;
      if (!p->body.size) {
        sb_strbuf_puts(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
        if (sb_httpd_flush(conn) < 0)
          sb_httpd_drop(conn);
      }
    }
  }
  conn->parsing = false;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  (void)suggested;
  sb_httpd *server = ((sb_httpd_conn *)handle->data)->server;
  *buf = uv_buf_init(server->read_buffer, sizeof server->read_buffer);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
  sb_httpd_conn *conn = stream->data;
  if (size < 0) {
    lost(conn);
    return;
  }
  if (conn->finishing) {
    conn->discarded += (size_t)size;
    if (conn->discarded > MAX_DISCARDED)
      sb_httpd_drop(conn);
    return;
  }
  sb_strbuf_append(&conn->in, buf->base, (size_t)size);
  if (!conn->answering)
    process(conn);
  else if (conn->in.size > MAX_PIPELINED)
    lost(conn);
}

static void on_connection(uv_stream_t *listener, int status)
{
  sb_httpd *server = listener->data;
  if (status < 0 || server->closing)
    return;
  sb_httpd_conn *conn = sb_calloc(1, sizeof *conn);
  conn->server = server;
  sb_httpd_parser_init(&conn->parser);
  uv_tcp_init(server->loop, &conn->tcp);
  conn->tcp.data = conn;
  sb_handles_add(&server->handles);
  LIST_INSERT_HEAD(&server->conns, conn, link);
  if (uv_accept(listener, (uv_stream_t *)&conn->tcp) || uv_tcp_nodelay(&conn->tcp, 1) ||
      uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read))
    sb_httpd_drop(conn);
}

int sb_httpd_bind(sb_httpd *server, const char *address, int port, sb_err *err)
{
  struct sockaddr_storage storage = { 0 };
  struct sockaddr *name = (struct sockaddr *)&storage;
  if (uv_ip4_addr(address, port, (struct sockaddr_in *)name) &&
      uv_ip6_addr(address, port, (struct sockaddr_in6 *)name))
    return sb_err_set(err, SB_EINVAL, "'%s' is not a numeric IPv4 or IPv6 address", address);
  int rc = uv_tcp_bind(&server->listener, name, 0);
  if (rc)
    return sb_err_sys(err, -rc, "cannot bind %s port %d", address, port);
  int size = sizeof storage;
  rc = uv_tcp_getsockname(&server->listener, name, &size);
  if (rc)
    return sb_err_sys(err, -rc, "cannot bind %s port %d", address, port);
  server->port = ntohs(name->sa_family == AF_INET6 ? ((struct sockaddr_in6 *)name)->sin6_port
                                                   : ((struct sockaddr_in *)name)->sin_port);
  return SB_OK;
}

int sb_httpd_listen(sb_httpd *server, sb_err *err)
{
  int rc = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
  return rc ? sb_err_sys(err, -rc, "cannot listen on port %d", server->port) : SB_OK;
}

int sb_httpd_port(const sb_httpd *server)
{
  return server->port;
}

void sb_httpd_set_user(sb_httpd_conn *conn, void *user)
{
  conn->user = user;
}

void *sb_httpd_user(const sb_httpd_conn *conn)
{
  return conn->user;
}

size_t sb_httpd_backlog(const sb_httpd *server)
{
  return server->backlog;
}
