#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *or_abort(void *memory)
{
  if (!memory) {
    fputs("specbench: error: out of memory\n", stderr);
    _exit(EXIT_FAILURE); /* supervisors end the servers; what is finished is on the disk */
  }
  return memory;
}

void *sb_alloc(size_t size)
{
  return or_abort(malloc(size ? size : 1));
}

void *sb_calloc(size_t count, size_t size)
{
  return or_abort(calloc(count ? count : 1, size ? size : 1));
}

void *sb_realloc(void *memory, size_t size)
{
  return or_abort(realloc(memory, size ? size : 1));
}

char *sb_strdup(const char *text)
{
  return or_abort(strdup(text));
}

void sb_strbuf_init(sb_strbuf *buf)
{
  *buf = (sb_strbuf){ 0 };
}

void sb_strbuf_deinit(sb_strbuf *buf)
{
  free(buf->data);
  *buf = (sb_strbuf){ 0 };
}

void sb_strbuf_clear(sb_strbuf *buf)
{
  buf->size = 0;
  if (buf->data)
    buf->data[0] = '\0';
}

char *sb_strbuf_reserve(sb_strbuf *buf, size_t extra)
{
  size_t needed = buf->size + extra + 1;
  if (needed > buf->capacity) {
    size_t capacity = buf->capacity ? buf->capacity * 2 : 64;
    if (capacity < needed)
      capacity = needed;
    buf->data = sb_realloc(buf->data, capacity);
    buf->capacity = capacity;
  }
  return buf->data + buf->size;
}

void sb_strbuf_append(sb_strbuf *buf, const void *data, size_t size)
{
  char *end = sb_strbuf_reserve(buf, size);
  if (size)
    memcpy(end, data, size);
  buf->size += size;
  buf->data[buf->size] = '\0';
}

void sb_strbuf_puts(sb_strbuf *buf, const char *text)
{
  sb_strbuf_append(buf, text, strlen(text));
}

void sb_strbuf_putc(sb_strbuf *buf, char c)
{
  sb_strbuf_append(buf, &c, 1);
}

void sb_strbuf_printf(sb_strbuf *buf, const char *format, ...)
{
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n > 0) {
    char *end = sb_strbuf_reserve(buf, (size_t)n);
    vsnprintf(end, (size_t)n + 1, format, again);
    buf->size += (size_t)n;
  }
  va_end(again);
}

void sb_strbuf_consume(sb_strbuf *buf, size_t count)
{
  if (!count)
    return;
  memmove(buf->data, buf->data + count, buf->size - count);
  buf->size -= count;
  buf->data[buf->size] = '\0';
}
