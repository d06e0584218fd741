#ifndef SB_STRBUF_H
#define SB_STRBUF_H

#include <stddef.h>

/* A growing byte string, always zero-terminated once it holds something. Embedded: zero-initialise it (or
 * sb_strbuf_init), sb_strbuf_deinit when done. Appending ends the process with one line when memory runs out: no caller
 * could go on. Cleared buffers keep their memory, so a reused one allocates nothing in the steady state. */
typedef struct sb_strbuf {
  char *data;  /* NULL until the first append */
  size_t size; /* bytes in use, the terminator not counted */
  size_t capacity;
} sb_strbuf;

void sb_strbuf_init(sb_strbuf *buf);
void sb_strbuf_deinit(sb_strbuf *buf);
void sb_strbuf_clear(sb_strbuf *buf);

/* Makes room for `extra` more bytes and a terminator; returns where they go. */
char *sb_strbuf_reserve(sb_strbuf *buf, size_t extra);

void sb_strbuf_append(sb_strbuf *buf, const void *data, size_t size);
void sb_strbuf_puts(sb_strbuf *buf, const char *text);
void sb_strbuf_putc(sb_strbuf *buf, char c);
void sb_strbuf_printf(sb_strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `count` bytes (count <= size). */
void sb_strbuf_consume(sb_strbuf *buf, size_t count);

/* malloc, calloc and realloc that end the process with one line instead of returning NULL; free with free(). */
void *sb_alloc(size_t size);
void *sb_calloc(size_t count, size_t size);
void *sb_realloc(void *memory, size_t size);
char *sb_strdup(const char *text);

/* Makes room for one more item in an array: where `count` has reached `capacity`, that doubles, from `first`. */
#define sb_grow(items, count, capacity, first)                             \
  do {                                                                     \
    if ((count) == (capacity)) {                                           \
      (capacity) = (capacity) ? (capacity) * 2 : (first);                  \
      (items) = sb_realloc((items), (size_t)(capacity) * sizeof *(items)); \
    }                                                                      \
  } while (0)

#endif
