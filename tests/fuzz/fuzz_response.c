#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/response.h"

/* Bytes as a server's answers on one connection: fed whole, in two parts cut anywhere, and byte by byte, the
 * answers are the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct reading {
  sb_response response;
  sb_strbuf seen; /* every answer's status, framing and body, in order */
} reading;

static void note(reading *r)
{
  const sb_response *p = &r->response;
  sb_strbuf_printf(&r->seen, "|%d %d %d %s %s|", (int)p->state, p->status, p->keep_alive, p->content_type,
                   p->reason ? p->reason : "");
}

/* Stops at a refusal; a complete answer is followed by the next one. */
static void feed(reading *r, const char *text, size_t size)
{
  char *part = sb_alloc(size); /* of exactly its size: a read past it is seen */
  memcpy(part, text, size);
  for (size_t at = 0; at < size && r->response.state != SB_RESPONSE_REFUSED;) {
    sb_response_body body;
    size_t used = sb_response_feed(&r->response, part + at, size - at, &body);
    if (used > size - at || (body.size && (body.data < part + at || body.data + body.size > part + size)))
      abort();
    sb_strbuf_append(&r->seen, body.data ? body.data : "", body.size);
    at += used;
    if (r->response.state == SB_RESPONSE_COMPLETE) {
      note(r);
      sb_response_reset(&r->response, false);
    }
  }
  free(part);
}

static void end(reading *r)
{
  if (r->response.state != SB_RESPONSE_REFUSED)
    sb_response_end(&r->response);
  if (r->response.state != SB_RESPONSE_REFUSED && r->response.state != SB_RESPONSE_COMPLETE)
    abort();
  note(r);
}

static void begin(reading *r)
{
  sb_response_reset(&r->response, false);
  sb_strbuf_clear(&r->seen);
}

static void compare(const reading *a, const reading *b)
{
  if (a->seen.size != b->seen.size || memcmp(a->seen.data, b->seen.data, a->seen.size) != 0)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  reading whole = { 0 }, parts = { 0 };
  begin(&whole);
  feed(&whole, text, size);
  end(&whole);
  for (size_t cut = 1, step = size / 64 + 1; cut < size; cut += step) {
    begin(&parts);
    feed(&parts, text, cut);
    feed(&parts, text + cut, size - cut);
    end(&parts);
    compare(&whole, &parts);
  }
  begin(&parts);
  for (size_t i = 0; i < size; i++)
    feed(&parts, text + i, 1);
  end(&parts);
  compare(&whole, &parts);
  sb_response_deinit(&whole.response);
  sb_response_deinit(&parts.response);
  sb_strbuf_deinit(&whole.seen);
  sb_strbuf_deinit(&parts.seen);
  return 0;
}
