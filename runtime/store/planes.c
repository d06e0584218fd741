#include "store/planes.h"

#include <stdint.h>
#include <string.h>

#include "measure/varint.h"

static const char magic[] = "sbplanes1\n";

enum {
  MAGIC_SIZE = sizeof magic - 1,
  HISTORY = 6, /* numbers before this one, of each of which it counts whether it was longer than a byte */
  HISTORIES = 1 << HISTORY,
  PLANES = HISTORIES * SB_VARINT_MAX
};

/* Where a byte belongs: how many bytes of its number, and what numbers, came before it. */
typedef struct place {
  unsigned history, position;
} place;

static inline unsigned plane_of(place at)
{
  return at.position * HISTORIES + at.history;
}

static inline place after(place at, uint8_t byte)
{
  if (byte < 0x80)
    return (place){ .history = (at.history << 1 | (at.position > 0)) % HISTORIES };
  at.position += at.position < SB_VARINT_MAX - 1; /* only what is no number is longer */
  return at;
}

void sb_planes_split(const void *data, size_t size, sb_strbuf *out)
{
  const uint8_t *bytes = data;
  size_t sizes[PLANES] = { 0 };
  place at = { 0 };
  for (size_t i = 0; i < size; i++) {
    sizes[plane_of(at)]++;
    at = after(at, bytes[i]);
  }
  sb_strbuf_append(out, magic, MAGIC_SIZE);
  for (unsigned i = 0; i < PLANES; i++)
    sb_varint_append(out, sizes[i]);

  uint8_t *next[PLANES], *body = (uint8_t *)sb_strbuf_reserve(out, size);
  for (unsigned i = 0; i < PLANES; i++) {
    next[i] = body;
    body += sizes[i];
  }
  at = (place){ 0 };
  for (size_t i = 0; i < size; i++) {
    *next[plane_of(at)]++ = bytes[i];
    at = after(at, bytes[i]);
  }
  out->size += size;
  out->data[out->size] = '\0';
}

static int damaged(sb_err *err)
{
  return sb_err_set(err, SB_EPARSE, "its bytes are not in planes");
}

int sb_planes_join(const void *data, size_t size, sb_strbuf *out, sb_err *err)
{
  if (size < MAGIC_SIZE || memcmp(data, magic, MAGIC_SIZE) != 0)
    return damaged(err);
  const uint8_t *at_sizes = (const uint8_t *)data + MAGIC_SIZE, *end = (const uint8_t *)data + size;
  uint64_t sizes[PLANES];
  for (unsigned i = 0; i < PLANES; i++)
    if (!sb_varint_get(&at_sizes, end, &sizes[i]))
      return damaged(err);

  const uint8_t *next[PLANES], *ends[PLANES], *body = at_sizes;
  for (unsigned i = 0; i < PLANES; i++) {
    if (sizes[i] > (uint64_t)(end - body))
      return damaged(err);
    next[i] = body;
    ends[i] = body += sizes[i];
  }
  if (body != end)
    return damaged(err);

  /* a plane that runs into the next one is seen at the end, by the other that was not read up */
  size_t whole = (size_t)(end - at_sizes);
  uint8_t *bytes = (uint8_t *)sb_strbuf_reserve(out, whole);
  place at = { 0 };
  for (size_t i = 0; i < whole; i++) {
    const uint8_t **from = &next[plane_of(at)];
    if (*from == end)
      return damaged(err);
    bytes[i] = *(*from)++;
    at = after(at, bytes[i]);
  }
  if (memcmp(next, ends, sizeof next) != 0)
    return damaged(err);
  out->size += whole;
  out->data[out->size] = '\0';
  return SB_OK;
}
