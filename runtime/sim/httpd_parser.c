#include "sim/httpd_parser.h"

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
  *p = (sb_httpd_parser){ 0 };
}

void sb_httpd_parser_deinit(sb_httpd_parser *p)
{
  sb_strbuf_deinit(&p->head);
  sb_strbuf_deinit(&p->body);
}

void sb_httpd_parser_reset(sb_httpd_parser *p)
{
  sb_strbuf head = p->head, body = p->body;
  sb_strbuf_clear(&head);
  sb_strbuf_clear(&body);
  *p = (sb_httpd_parser){ .head = head, .body = body };
}

const char *sb_httpd_parser_header(const sb_httpd_parser *p, const char *name)
{
  for (int i = 0; i < p->header_count; i++)
    if (!strcasecmp(p->headers[i].name, name))
      return p->headers[i].value;
  return NULL;
}

static bool is_token_char(unsigned char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text)
{
  if (!*text)
    return false;
  for (; *text; text++)
    if (!is_token_char((unsigned char)*text))
      return false;
  return true;
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
  if (!is_token(line))
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

static bool header_line(sb_httpd_parser *p, char *line)
{
  char *colon = strchr(line, ':');
  if (!colon)
    return refuse(p, 400, "a header line has no colon");
  *colon = '\0';
  if (!is_token(line))
    return refuse(p, 400, "a header's name is not a token");
  char *value = colon + 1;
  while (*value == ' ' || *value == '\t')
    value++;
  char *end = value + strlen(value);
  while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  *end = '\0';
  for (const char *c = value; *c; c++)
    if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
      return refuse(p, 400, "a header's value holds a control character");
  if (p->header_count == SB_HTTPD_MAX_HEADERS)
    return refuse(p, 431, "too many headers");
  p->headers[p->header_count++] = (sb_httpd_header){ line, value };
  return true;
}

static bool content_length(sb_httpd_parser *p, const char *text)
{
  uint64_t value = 0;
  if (!*text)
    return refuse(p, 400, "Content-Length is empty");
  for (; *text; text++) {
    if (*text < '0' || *text > '9')
      return refuse(p, 400, "Content-Length is not a number");
    if (value <= SB_HTTPD_MAX_BODY)
      value = value * 10 + (uint64_t)(*text - '0');
  }
  if (value > SB_HTTPD_MAX_BODY)
    return refuse(p, 413, "the body is too large");
  p->remaining = value;
  return true;
}

/* Whether a comma-separated list holds an item, whatever its case. */
static bool list_has(const char *list, const char *item)
{
  size_t size = strlen(item);
  while (*list) {
    list += strspn(list, " \t,");
    size_t n = strcspn(list, ",");
    size_t trimmed = n;
    while (trimmed && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
      trimmed--;
    if (trimmed == size && !strncasecmp(list, item, size))
      return true;
    list += n;
  }
  return false;
}

/* What the headers say about the body and the connection. */
static void framing(sb_httpd_parser *p)
{
  const char *length = NULL, *coding = NULL, *host = NULL, *expect = NULL;
  p->keep_alive = !p->http_1_0;
  for (int i = 0; i < p->header_count; i++) {
    const char *name = p->headers[i].name, *value = p->headers[i].value;
    const char **once = !strcasecmp(name, "Content-Length") ? &length
                        : !strcasecmp(name, "Transfer-Encoding") ? &coding
                        : !strcasecmp(name, "Host") ? &host
                        : !strcasecmp(name, "Expect") ? &expect : NULL;
    if (once && *once) {
      refuse(p, 400, "a header that may stand once stands twice");
      return;
    }
    if (once)
      *once = value;
    if (!strcasecmp(name, "Connection")) {
      if (list_has(value, "close"))
        p->keep_alive = false;
      else if (list_has(value, "keep-alive"))
        p->keep_alive = true;
    }
  }
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
  p->state = coding ? SB_HTTPD_CHUNK_SIZE : p->remaining ? SB_HTTPD_BODY : SB_HTTPD_COMPLETE;
  p->expects_continue = expect && !p->http_1_0 && p->state != SB_HTTPD_COMPLETE;
}

/* The head is complete: its lines end in CR LF, the last one is empty. */
static void parse_head(sb_httpd_parser *p)
{
  char *line = p->head.data, *end = line + p->head.size - 2;
  while (line < end && line[0] == '\r' && line[1] == '\n') /* empty lines before a request are ignored */
    line += 2;
  if (line == end) {
    sb_strbuf_clear(&p->head);
    return;
  }
  if (memchr(line, '\0', (size_t)(end - line))) {
    refuse(p, 400, "the head holds a zero byte");
    return;
  }
  for (bool first = true; line < end; first = false) {
    char *stop = strstr(line, "\r\n");
    *stop = '\0';
    if (strchr(line, '\r')) {
      refuse(p, 400, "the head holds a bare carriage return");
      return;
    }
    if (first ? !request_line(p, line) : !header_line(p, line))
      return;
    line = stop + 2;
  }
  framing(p);
}

static size_t feed_head(sb_httpd_parser *p, const char *data, size_t size)
{
  size_t before = p->head.size;
  size_t take = size < SB_HTTPD_MAX_HEAD - before ? size : SB_HTTPD_MAX_HEAD - before;
  sb_strbuf_append(&p->head, data, take);
  size_t from = before > 3 ? before - 3 : 0;
  char *found = memmem(p->head.data + from, p->head.size - from, "\r\n\r\n", 4);
  if (found)
    p->head.size = (size_t)(found + 4 - p->head.data);
  for (size_t i = before; i < p->head.size; i++)
    if (p->head.data[i] == '\n' && (i == 0 || p->head.data[i - 1] != '\r')) {
      refuse(p, 400, "a line does not end in CR LF");
      return take;
    }
  if (found) {
    size_t used = p->head.size - before;
    parse_head(p);
    return used;
  }
  if (p->head.size == SB_HTTPD_MAX_HEAD)
    refuse(p, 431, "the request line and headers are too large");
  return take;
}

static int hex_digit(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void chunk_size_char(sb_httpd_parser *p, char c)
{
  int digit = hex_digit(c);
  if (digit >= 0) {
    if (p->digits++ == 8)
      refuse(p, 413, "a chunk is too large");
    p->remaining = p->remaining << 4 | (unsigned)digit;
  } else if (p->digits == 0 || (c != ';' && c != '\r')) {
    refuse(p, 400, "a chunk's size is not a hexadecimal number");
  } else {
    p->digits = 0;
    p->state = c == ';' ? SB_HTTPD_CHUNK_EXTENSION : SB_HTTPD_CHUNK_SIZE_LF;
  }
}

/* One byte of the framing around the data of a chunked body. */
static void chunk_frame_char(sb_httpd_parser *p, char c)
{
  switch (p->state) {
  case SB_HTTPD_CHUNK_SIZE: chunk_size_char(p, c); return;
  case SB_HTTPD_CHUNK_EXTENSION:
    if (c == '\r')
      p->state = SB_HTTPD_CHUNK_SIZE_LF;
    else if (c == '\n' || ++p->digits > SB_HTTPD_MAX_CHUNK_EXTENSION)
      refuse(p, 400, "a chunk's extension is too long");
    return;
  case SB_HTTPD_CHUNK_SIZE_LF:
    if (c != '\n')
      break;
    p->digits = 0;
    p->state = p->remaining ? SB_HTTPD_CHUNK_DATA : SB_HTTPD_END_CR;
    if (p->remaining > SB_HTTPD_MAX_BODY - p->body.size)
      refuse(p, 413, "the body is too large");
    return;
  case SB_HTTPD_CHUNK_CR:
  case SB_HTTPD_END_CR:
    if (c != '\r')
      break;
    p->state = p->state == SB_HTTPD_CHUNK_CR ? SB_HTTPD_CHUNK_LF : SB_HTTPD_END_LF;
    return;
  default: /* SB_HTTPD_CHUNK_LF, SB_HTTPD_END_LF */
    if (c != '\n')
      break;
    p->state = p->state == SB_HTTPD_CHUNK_LF ? SB_HTTPD_CHUNK_SIZE : SB_HTTPD_COMPLETE;
    return;
  }
  refuse(p, 400, "a chunked body is not framed as it should be (trailers are not taken)");
}

size_t sb_httpd_parser_feed(sb_httpd_parser *p, const char *data, size_t size)
{
  size_t at = 0;
  while (at < size && p->state < SB_HTTPD_COMPLETE) {
    if (p->state == SB_HTTPD_HEAD) {
      at += feed_head(p, data + at, size - at);
    } else if (p->state == SB_HTTPD_BODY || p->state == SB_HTTPD_CHUNK_DATA) {
      size_t take = size - at < p->remaining ? size - at : (size_t)p->remaining;
      sb_strbuf_append(&p->body, data + at, take);
      at += take;
      p->remaining -= take;
      if (!p->remaining)
        p->state = p->state == SB_HTTPD_BODY ? SB_HTTPD_COMPLETE : SB_HTTPD_CHUNK_CR;
    } else {
      chunk_frame_char(p, data[at++]);
    }
  }
  return at;
}
