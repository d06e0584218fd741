#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "net/prom.h"

/* Bytes as a page of metrics: names and labels lie inside the text, and the samples of the page are those of
 * its lines read one by one. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(sb_strbuf *out, const sb_prom_sample *s, const char *text, size_t size)
{
  const char *end = text + size;
  if (!s->name_size || s->name < text || s->name + s->name_size > end || s->labels < text ||
      s->labels + s->labels_size > end)
    abort();
  sb_strbuf_append(out, s->name, s->name_size);
  sb_strbuf_putc(out, '{');
  sb_strbuf_append(out, s->labels, s->labels_size);
  sb_strbuf_printf(out, "}%a\n", s->value);
}

static void read_all(const char *text, size_t size, sb_strbuf *out)
{
  sb_prom prom;
  sb_prom_sample sample;
  sb_prom_init(&prom, text, size);
  while (sb_prom_next(&prom, &sample))
    put(out, &sample, text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  sb_strbuf whole = { 0 }, lines = { 0 };
  if (!size)
    return 0;
  read_all(text, size, &whole);
  for (size_t at = 0; at < size;) {
    const char *newline = memchr(text + at, '\n', size - at);
    size_t length = newline ? (size_t)(newline - text) - at : size - at;
    char *line = sb_alloc(length); /* of exactly its size: a read past it is seen */
    memcpy(line, text + at, length);
    read_all(line, length, &lines);
    free(line);
    at += length + 1;
  }
  if (whole.size != lines.size || (whole.size && memcmp(whole.data, lines.data, whole.size) != 0))
    abort();
  sb_strbuf_deinit(&whole);
  sb_strbuf_deinit(&lines);
  return 0;
}
