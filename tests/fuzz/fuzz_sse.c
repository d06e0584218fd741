#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/sse.h"

/* Bytes as an event stream: fed whole, in two parts cut anywhere, and byte by byte, the events are the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each event with its length before it, so that no two lists of events look alike. */
static void note(void *context, const char *data, size_t size)
{
  sb_strbuf *events = context;
  sb_strbuf_printf(events, "%zu:", size);
  sb_strbuf_append(events, data, size);
}

static void feed(sb_sse *sse, const char *text, size_t size, sb_strbuf *events)
{
  char *part = sb_alloc(size); /* of exactly its size: a read past it is seen */
  memcpy(part, text, size);
  sb_sse_feed(sse, part, size, note, events);
  free(part);
}

static void compare(const sb_strbuf *a, const sb_strbuf *b)
{
  if (a->size != b->size || (a->size && memcmp(a->data, b->data, a->size) != 0))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!size)
    return 0;
  const char *text = (const char *)data;
  sb_sse sse = { 0 };
  sb_strbuf whole = { 0 }, parts = { 0 };
  feed(&sse, text, size, &whole);

  size_t step = size / 64 + 1;
  for (size_t cut = 1; cut < size; cut += step) {
    sb_sse_reset(&sse);
    sb_strbuf_clear(&parts);
    feed(&sse, text, cut, &parts);
    feed(&sse, text + cut, size - cut, &parts);
    compare(&whole, &parts);
  }
  sb_sse_reset(&sse);
  sb_strbuf_clear(&parts);
  for (size_t i = 0; i < size; i++)
    feed(&sse, text + i, 1, &parts);
  compare(&whole, &parts);
  sb_sse_deinit(&sse);
  sb_strbuf_deinit(&whole);
  sb_strbuf_deinit(&parts);
  return 0;
}
