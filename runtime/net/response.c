#include "net/response.h"

#include <string.h>

/* Far more than anybody sends, and it leaves room to count in 64 bits. */
static const uint64_t MAX_LENGTH = UINT64_MAX / 4;

static void refuse(sb_response *r, const char *reason)
{
  r->state = SB_RESPONSE_REFUSED;
  r->reason = reason;
}

void sb_response_reset(sb_response *response, bool to_head)
{
  sb_http1_lines lines = response->lines;
  sb_http1_lines_reset(&lines);
  *response = (sb_response){ .to_head = to_head, .lines = lines };
}

void sb_response_deinit(sb_response *response)
{
  sb_http1_lines_deinit(&response->lines);
}

/* "HTTP/1.x NNN", and a reason phrase or not. */
static void status_line(sb_response *r, sb_http1_slice line)
{
  const char *p = line.data;
  uint64_t status;
  bool sound = line.size >= 12 && !memcmp(p, "HTTP/1.", 7) && (p[7] == '0' || p[7] == '1') && p[8] == ' ' &&
               sb_http1_length((sb_http1_slice){ p + 9, 3 }, &status) && status >= 100 &&
               (line.size == 12 || p[12] == ' ');
  if (!sound) {
    refuse(r, "the answer does not begin with an HTTP/1.1 status line");
    return;
  }
  r->minor = p[7] - '0';
  r->status = (int)status;
  r->state = SB_RESPONSE_HEADERS;
}

static void content_length(sb_response *r, sb_http1_slice value)
{
  uint64_t length = 0;
  if (!sb_http1_length(value, &length) || length > MAX_LENGTH)
    refuse(r, "Content-Length is not a number");
  else if (r->has_length && r->remaining != length)
    refuse(r, "two Content-Lengths differ");
  r->has_length = true;
  r->remaining = length;
}

static void header(sb_response *r, sb_http1_slice line)
{
  sb_http1_slice name, value;
  if (!sb_http1_field(line, false, &name, &value)) {
    refuse(r, "a header of the answer is not 'Name: value'");
    return;
  }
  if (r->state == SB_RESPONSE_TRAILERS)
    return;
  if (sb_http1_is(name, "Content-Length")) {
    content_length(r, value);
  } else if (sb_http1_is(name, "Transfer-Encoding")) {
    if (r->chunked || !sb_http1_is(value, "chunked"))
      refuse(r, "the only transfer coding understood is chunked");
    r->chunked = true;
  } else if (sb_http1_is(name, "Connection")) {
    sb_http1_connection_field(&r->persistence, value);
  } else if (sb_http1_is(name, "Content-Type")) {
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
    r->keep_alive = sb_http1_persists(&r->persistence, r->minor);
    r->state = SB_RESPONSE_COMPLETE;
  } else {
    bool known = r->chunked || r->has_length;
    /* both at once, or chunks in HTTP/1.0, is how answers are smuggled: read, but trusted no further */
    bool odd = r->chunked && (r->has_length || r->minor == 0);
    r->keep_alive = known && !odd && sb_http1_persists(&r->persistence, r->minor);
    if (!known)
      r->remaining = UINT64_MAX;
    r->state = r->chunked ? SB_RESPONSE_CHUNKS : r->remaining ? SB_RESPONSE_BODY : SB_RESPONSE_COMPLETE;
  }
}

static void take_line(sb_response *r, sb_http1_slice line)
{
  r->head_size += line.size + 2;
  if (r->head_size > SB_RESPONSE_MAX_HEAD)
    refuse(r, "the answer's headers are too large");
  else if (r->state == SB_RESPONSE_STATUS_LINE)
    status_line(r, line);
  else if (line.size)
    header(r, line);
  else if (r->state == SB_RESPONSE_HEADERS)
    begin_body(r);
  else
    r->state = SB_RESPONSE_COMPLETE;
}

static size_t feed_line(sb_response *r, const char *data, size_t size)
{
  size_t used;
  sb_http1_slice line;
  sb_http1_line got = sb_http1_read_line(&r->lines, data, size, &used, &line);
  if (got == SB_HTTP1_LINE)
    take_line(r, line);
  else if (got == SB_HTTP1_TOO_LONG)
    refuse(r, "a line of the answer's framing is too long");
  return used;
}

static size_t feed_chunks(sb_response *r, const char *data, size_t size, sb_http1_slice *piece)
{
  size_t used = sb_http1_chunks_feed(&r->chunks, data, size, piece);
  if (r->chunks.state == SB_HTTP1_CHUNKS_REFUSED) {
    refuse(r, r->chunks.reason);
  } else if (r->chunks.state == SB_HTTP1_CHUNKS_END) {
    r->head_size = 0; /* of the trailers from here on */
    r->state = SB_RESPONSE_TRAILERS;
  }
  return used;
}

static size_t feed_body(sb_response *r, const char *data, size_t size, sb_http1_slice *piece)
{
  size_t take = size < r->remaining ? size : (size_t)r->remaining;
  *piece = (sb_http1_slice){ data, take };
  r->remaining -= take;
  if (!r->remaining)
    r->state = SB_RESPONSE_COMPLETE;
  return take;
}

/* Moves a piece of the body to the end of what is there of it. */
static void join(sb_response_body *body, char *data, size_t size)
{
  if (!body->size)
    body->data = data;
  else
    memmove(body->data + body->size, data, size);
  body->size += size;
}

size_t sb_response_feed(sb_response *response, char *data, size_t size, sb_response_body *body)
{
  size_t at = 0;
  *body = (sb_response_body){ 0 };
  response->begun = response->begun || size > 0;
  while (at < size && response->state < SB_RESPONSE_COMPLETE) {
    sb_http1_slice piece = { 0 };
    if (response->state == SB_RESPONSE_CHUNKS)
      at += feed_chunks(response, data + at, size - at, &piece);
    else if (response->state == SB_RESPONSE_BODY)
      at += feed_body(response, data + at, size - at, &piece);
    else
      at += feed_line(response, data + at, size - at);
    if (piece.size)
      join(body, data + (piece.data - data), piece.size);
  }
  return at;
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
