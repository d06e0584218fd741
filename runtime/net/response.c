#include "net/response.h"

#include <string.h>
#include <strings.h>

/* A part of a line. */
typedef struct span {
  const char *data;
  size_t size;
} span;

static void refuse(sb_response *r, const char *reason)
{
  r->state = SB_RESPONSE_REFUSED;
  r->reason = reason;
}

void sb_response_reset(sb_response *response, bool to_head)
{
  sb_strbuf line = response->line;
  sb_strbuf_clear(&line);
  *response = (sb_response){ .to_head = to_head, .line = line };
}

void sb_response_deinit(sb_response *response)
{
  sb_strbuf_deinit(&response->line);
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static span trim(span s)
{
  while (s.size && is_blank(s.data[0])) {
    s.data++;
    s.size--;
  }
  while (s.size && is_blank(s.data[s.size - 1]))
    s.size--;
  return s;
}

static bool is(span s, const char *word)
{
  return s.size == strlen(word) && !strncasecmp(s.data, word, s.size);
}

/* "HTTP/1.x NNN", and a reason phrase or not. */
static void status_line(sb_response *r, span line)
{
  const char *p = line.data;
  bool sound = line.size >= 12 && !memcmp(p, "HTTP/1.", 7) && (p[7] == '0' || p[7] == '1') && p[8] == ' ' &&
               p[9] >= '1' && p[9] <= '9' && is_digit(p[10]) && is_digit(p[11]) &&
               (line.size == 12 || p[12] == ' ');
  if (!sound) {
    refuse(r, "the answer does not begin with an HTTP/1.1 status line");
    return;
  }
  r->minor = p[7] - '0';
  r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
  r->state = SB_RESPONSE_HEADERS;
}

static bool is_token(span name)
{
  static const char others[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c) && (!c || !strchr(others, c)))
      return false;
  }
  return name.size > 0;
}

static void content_length(sb_response *r, span value)
{
  uint64_t length = 0;
  bool sound = value.size > 0 && value.size <= 18; /* far below what 64 bits hold */
  for (size_t i = 0; i < value.size && sound; i++) {
    sound = is_digit(value.data[i]);
    length = length * 10 + (uint64_t)(value.data[i] - '0');
  }
  if (!sound)
    refuse(r, "Content-Length is not a number");
  else if (r->has_length && r->remaining != length)
    refuse(r, "two Content-Lengths differ");
  r->has_length = true;
  r->remaining = length;
}

static void connection_options(sb_response *r, span list)
{
  while (list.size) {
    const char *comma = memchr(list.data, ',', list.size);
    size_t size = comma ? (size_t)(comma - list.data) : list.size;
    span option = trim((span){ list.data, size });
    r->close = r->close || is(option, "close");
    r->keep = r->keep || is(option, "keep-alive");
    size += comma != NULL;
    list.data += size;
    list.size -= size;
  }
}

static void header(sb_response *r, span line)
{
  const char *colon = memchr(line.data, ':', line.size);
  span name = { line.data, colon ? (size_t)(colon - line.data) : 0 };
  if (!is_token(name) || memchr(line.data, '\0', line.size)) {
    refuse(r, "a header of the answer is not 'Name: value'");
    return;
  }
  if (r->state == SB_RESPONSE_TRAILERS)
    return;
  span value = trim((span){ colon + 1, line.size - name.size - 1 });
  if (is(name, "Content-Length")) {
    content_length(r, value);
  } else if (is(name, "Transfer-Encoding")) {
    if (r->chunked || !is(value, "chunked"))
      refuse(r, "the only transfer coding understood is chunked");
    r->chunked = true;
  } else if (is(name, "Connection")) {
    connection_options(r, value);
  } else if (is(name, "Content-Type")) {
    size_t size = value.size < sizeof r->content_type ? value.size : sizeof r->content_type - 1;
    memcpy(r->content_type, value.data, size);
    r->content_type[size] = '\0';
  }
}

/* The head is complete: RFC 9112, section 6.3. */
static void begin_body(sb_response *r)
{
  if (r->status == 101) {
    refuse(r, "the server switched protocols unasked");
  } else if (r->status < 200) {
    size_t head_size = r->head_size;
    sb_response_reset(r, r->to_head);
    r->begun = true;
    r->head_size = head_size; /* so that interim answers cannot go on for ever */
  } else if (r->to_head || r->status == 204 || r->status == 304) {
    r->keep_alive = !r->close && (r->minor == 1 || r->keep);
    r->state = SB_RESPONSE_COMPLETE;
  } else {
    bool known = r->chunked || r->has_length;
    /* both at once, or chunks in HTTP/1.0, is how answers are smuggled: read, but trusted no further */
    bool odd = r->chunked && (r->has_length || r->minor == 0);
    r->keep_alive = known && !odd && !r->close && (r->minor == 1 || r->keep);
    if (!known)
      r->remaining = UINT64_MAX;
    r->state = r->chunked ? SB_RESPONSE_CHUNK_SIZE : r->remaining ? SB_RESPONSE_BODY : SB_RESPONSE_COMPLETE;
  }
}

static int hex_digit(char c)
{
  if (is_digit(c))
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void chunk_size(sb_response *r, span line)
{
  uint64_t value = 0;
  size_t digits = 0;
  int digit;
  while (digits < line.size && digits < 16 && (digit = hex_digit(line.data[digits])) >= 0) {
    value = value << 4 | (uint64_t)digit;
    digits++;
  }
  span rest = trim((span){ line.data + digits, line.size - digits });
  if (!digits || digits == 16 || (rest.size && rest.data[0] != ';')) {
    refuse(r, "a chunk's size is not a hexadecimal number");
    return;
  }
  r->remaining = value;
  r->head_size = 0; /* of the trailers from here on */
  r->state = value ? SB_RESPONSE_CHUNK : SB_RESPONSE_TRAILERS;
}

static void take_line(sb_response *r, span line)
{
  switch (r->state) {
  case SB_RESPONSE_STATUS_LINE: status_line(r, line); return;
  case SB_RESPONSE_CHUNK_SIZE: chunk_size(r, line); return;
  case SB_RESPONSE_CHUNK_END:
    if (line.size)
      refuse(r, "a chunk is longer than its size says");
    else
      r->state = SB_RESPONSE_CHUNK_SIZE;
    return;
  default: /* headers, trailers */
    if (line.size)
      header(r, line);
    else if (r->state == SB_RESPONSE_HEADERS)
      begin_body(r);
    else
      r->state = SB_RESPONSE_COMPLETE;
    return;
  }
}

/* Handles the line that begins at p, or keeps its beginning where the end is not there yet. Returns what
 * follows. */
static char *read_line(sb_response *r, char *p, char *end)
{
  char *newline = memchr(p, '\n', (size_t)(end - p));
  size_t size = (size_t)((newline ? newline : end) - p);
  if (r->line.size + size > SB_RESPONSE_MAX_LINE) {
    refuse(r, "a line of the answer's framing is too long");
    return end;
  }
  if (!newline || r->line.size)
    sb_strbuf_append(&r->line, p, size);
  if (!newline)
    return end;
  span line = r->line.size ? (span){ r->line.data, r->line.size } : (span){ p, size };
  r->head_size += line.size + 1;
  if (line.size && line.data[line.size - 1] == '\r')
    line.size--;
  if (r->head_size > SB_RESPONSE_MAX_HEAD)
    refuse(r, "the answer's headers are too large");
  else
    take_line(r, line);
  sb_strbuf_clear(&r->line);
  return newline + 1;
}

size_t sb_response_feed(sb_response *response, char *data, size_t size, sb_response_body *body)
{
  char *p = data, *end = data + size;
  *body = (sb_response_body){ 0 };
  response->begun = response->begun || size > 0;
  while (p < end && response->state < SB_RESPONSE_COMPLETE) {
    if (response->state != SB_RESPONSE_BODY && response->state != SB_RESPONSE_CHUNK) {
      p = read_line(response, p, end);
      continue;
    }
    size_t take = (size_t)(end - p) < response->remaining ? (size_t)(end - p) : (size_t)response->remaining;
    if (!body->data)
      body->data = p;
    else
      memmove(body->data + body->size, p, take);
    body->size += take;
    p += take;
    response->remaining -= take;
    if (!response->remaining)
      response->state = response->state == SB_RESPONSE_BODY ? SB_RESPONSE_COMPLETE : SB_RESPONSE_CHUNK_END;
  }
  return (size_t)(p - data);
}

void sb_response_end(sb_response *response)
{
  if (response->state >= SB_RESPONSE_COMPLETE)
    return;
  if (response->state == SB_RESPONSE_BODY && !response->has_length)
    response->state = SB_RESPONSE_COMPLETE;
  else
    refuse(response, response->begun ? "the connection ended before the answer was complete"
                                     : "the server closed the connection without an answer");
}
