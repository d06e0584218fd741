#include "net/httpd_parser.h"

#include <string.h>
#include <strings.h>

/* Always false: the end of a function that tells whether reading may go on. */
static bool refuse(sb_httpd_parser *p, int status, const char *reason)
{
  p->state = SB_HTTPD_REFUSED;
  p->status = status;
  p->reason = reason;
  return false;
}

void sb_httpd_parser_init(sb_httpd_parser *p)
{
  *p = (sb_httpd_parser){ .lines.strict = true, .chunks.strict = true };
}

void sb_httpd_parser_deinit(sb_httpd_parser *p)
{
  sb_http1_lines_deinit(&p->lines);
  sb_strbuf_deinit(&p->head);
  sb_strbuf_deinit(&p->body);
}

void sb_httpd_parser_reset(sb_httpd_parser *p)
{
  sb_strbuf head = p->head, body = p->body;
  sb_strbuf_clear(&head);
  sb_strbuf_clear(&body);
  sb_http1_lines lines = p->lines;
  sb_http1_lines_reset(&lines);
  *p = (sb_httpd_parser){ .lines = lines, .chunks.strict = true, .head = head, .body = body };
}

const char *sb_httpd_parser_header(const sb_httpd_parser *p, const char *name)
{
  for (int i = 0; i < p->header_count; i++)
    if (!strcasecmp(p->headers[i].name, name))
      return p->headers[i].value;
  return NULL;
}

static sb_http1_slice slice_of(const char *text)
{
  return (sb_http1_slice){ text, strlen(text) };
}

/* Cuts "METHOD SP target SP version" in place. */
static bool request_line(sb_httpd_parser *p, char *line)
{
  char *target = strchr(line, ' ');
  char *version = target ? strchr(target + 1, ' ') : NULL;
  if (!version)
    return refuse(p, 400, "the request line is not METHOD TARGET VERSION");
  *target++ = '\0';
  *version++ = '\0';
  if (!sb_http1_is_token(slice_of(line)))
    return refuse(p, 400, "the method is not a token");
  if (*target != '/')
    return refuse(p, 400, "the target does not begin with '/'");
  for (const char *c = target; *c; c++)
    if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
      return refuse(p, 400, "the target holds a character that must be percent-encoded");
  if (!strcmp(version, "HTTP/1.0"))
    p->http_1_0 = true;
  else if (strcmp(version, "HTTP/1.1") != 0) {
    bool http = !strncmp(version, "HTTP/", 5);
    return refuse(p, http ? 505 : 400, "the version is neither HTTP/1.1 nor HTTP/1.0");
  }
  char *query = strchr(target, '?');
  if (query)
    *query++ = '\0';
  p->method = line;
  p->path = target;
  p->query = query;
  return true;
}

/* Cuts "Name: value" in place. */
static bool header_line(sb_httpd_parser *p, char *line)
{
  sb_http1_slice name, value;
  if (!sb_http1_field(slice_of(line), true, &name, &value))
    return refuse(p, 400, "a header is not 'Name: value'");
  if (p->header_count == SB_HTTPD_MAX_HEADERS)
    return refuse(p, 431, "too many headers");
  line[name.size] = '\0';
  line[(size_t)(value.data - line) + value.size] = '\0';
  p->headers[p->header_count++] = (sb_httpd_header){ name.data, value.data };
  return true;
}

static bool content_length(sb_httpd_parser *p, const char *text)
{
  if (!sb_http1_length(slice_of(text), &p->remaining))
    return refuse(p, 400, "Content-Length is not a number");
  if (p->remaining > SB_HTTPD_MAX_BODY)
    return refuse(p, 413, "the body is too large");
  return true;
}

/* What the headers say about the body and the connection. */
static void framing(sb_httpd_parser *p)
{
  const char *length = NULL, *coding = NULL, *host = NULL, *expect = NULL;
  sb_http1_persistence persistence = { 0 };
  for (int i = 0; i < p->header_count; i++) {
    const char *name = p->headers[i].name, *value = p->headers[i].value;
    const char **once = !strcasecmp(name, "Content-Length")      ? &length
                        : !strcasecmp(name, "Transfer-Encoding") ? &coding
                        : !strcasecmp(name, "Host")              ? &host
                        : !strcasecmp(name, "Expect")            ? &expect
                                                                 : NULL;
    if (once && *once) {
      refuse(p, 400, "a header that may stand once stands twice");
      return;
    }
    if (once)
      *once = value;
    if (!strcasecmp(name, "Connection"))
      sb_http1_connection_field(&persistence, slice_of(value));
  }
  p->keep_alive = sb_http1_persists(&persistence, !p->http_1_0);
  if (!host && !p->http_1_0) {
    refuse(p, 400, "there is no Host header");
    return;
  }
  if (expect && strcasecmp(expect, "100-continue") != 0) {
    refuse(p, 417, "only Expect: 100-continue is understood");
    return;
  }
  if (coding && (length || p->http_1_0)) {
    refuse(p, 400, "Transfer-Encoding may stand neither beside Content-Length nor in HTTP/1.0");
    return;
  }
  if (coding && strcasecmp(coding, "chunked") != 0) {
    refuse(p, 501, "the only transfer coding understood is chunked");
    return;
  }
  if (length && !content_length(p, length))
    return;
  p->state = coding ? SB_HTTPD_CHUNKS : p->remaining ? SB_HTTPD_BODY : SB_HTTPD_COMPLETE;
  p->expects_continue = expect && !p->http_1_0 && p->state != SB_HTTPD_COMPLETE;
}

static void parse_head(sb_httpd_parser *p)
{
  char *line = p->head.data, *end = line + p->head.size;
  for (char *next; line < end; line = next) {
    next = line + strlen(line) + 1;
    if (line == p->head.data ? !request_line(p, line) : !header_line(p, line))
      return;
  }
  framing(p);
}

static void keep_line(sb_httpd_parser *p, sb_http1_slice line)
{
  sb_strbuf_append(&p->head, line.data, line.size);
  sb_strbuf_putc(&p->head, '\0');
}

static size_t feed_head(sb_httpd_parser *p, const char *data, size_t size)
{
  size_t used;
  sb_http1_slice line;
  sb_http1_line got = sb_http1_read_line(&p->lines, data, size, &used, &line);
  p->head_size += used;
  if (got == SB_HTTP1_TOO_LONG || p->head_size > SB_HTTPD_MAX_HEAD)
    refuse(p, 431, "the request line and headers are too large");
  else if (got == SB_HTTP1_MALFORMED)
    refuse(p, 400, "a line does not end in CR LF, or holds another CR or a zero byte");
  else if (got == SB_HTTP1_PART)
    return used;
  else if (line.size)
    keep_line(p, line);
  else if (p->head.size)
    parse_head(p);
  else
    p->head_size = 0; /* empty lines before a request are ignored */
  return used;
}

static size_t feed_chunks(sb_httpd_parser *p, const char *data, size_t size)
{
  sb_http1_chunks *c = &p->chunks;
  sb_http1_slice piece;
  size_t used = sb_http1_chunks_feed(c, data, size, &piece);
  uint64_t expected = p->body.size + piece.size + (c->state == SB_HTTP1_DATA ? c->remaining : 0);
  if (c->state == SB_HTTP1_CHUNKS_REFUSED) {
    refuse(p, c->too_large ? 413 : 400, c->reason);
  } else if (expected > SB_HTTPD_MAX_BODY) {
    refuse(p, 413, "the body is too large");
  } else {
    sb_strbuf_append(&p->body, piece.data, piece.size);
    if (c->state == SB_HTTP1_CHUNKS_END)
      p->state = SB_HTTPD_COMPLETE;
  }
  return used;
}

static size_t feed_body(sb_httpd_parser *p, const char *data, size_t size)
{
  size_t take = size < p->remaining ? size : (size_t)p->remaining;
  sb_strbuf_append(&p->body, data, take);
  p->remaining -= take;
  if (!p->remaining)
    p->state = SB_HTTPD_COMPLETE;
  return take;
}

size_t sb_httpd_parser_feed(sb_httpd_parser *p, const char *data, size_t size)
{
  size_t at = 0;
  while (at < size && p->state < SB_HTTPD_COMPLETE) {
    if (p->state == SB_HTTPD_HEAD)
      at += feed_head(p, data + at, size - at);
    else if (p->state == SB_HTTPD_BODY)
      at += feed_body(p, data + at, size - at);
    else
      at += feed_chunks(p, data + at, size - at);
  }
  return at;
}
