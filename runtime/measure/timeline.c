#include "measure/timeline.h"

#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "measure/varint.h"

void sb_timeline_reset(sb_timeline *timeline, int64_t origin_ns)
{
  timeline->size = 0;
  timeline->chunks = 0;
  timeline->tokens = 0;
  timeline->origin_ns = origin_ns;
  timeline->last_ns = origin_ns;
}

void sb_timeline_deinit(sb_timeline *timeline)
{
  free(timeline->bytes);
  *timeline = (sb_timeline){ 0 };
}

static void grow(sb_timeline *timeline)
{
  /* 2^32 bytes are some 800 million chunks: like running out of memory, nothing a caller could go on from */
  if (timeline->capacity > UINT32_MAX / 2)
    abort();
  timeline->capacity = timeline->capacity ? timeline->capacity * 2 : 256;
  timeline->bytes = sb_realloc(timeline->bytes, timeline->capacity);
}

void sb_timeline_append(sb_timeline *timeline, int64_t t_ns, uint32_t tokens, bool has_text)
{
  if (t_ns < timeline->last_ns)
    t_ns = timeline->last_ns;
  if (timeline->capacity - timeline->size < 2 * SB_VARINT_MAX)
    grow(timeline);
  uint8_t *at = timeline->bytes + timeline->size;
  size_t n = sb_varint_put(at, (uint64_t)t_ns - (uint64_t)timeline->last_ns);
  n += sb_varint_put(at + n, (uint64_t)tokens * 2 + (has_text ? 1 : 0));
  timeline->size += (uint32_t)n;
  timeline->chunks++;
  timeline->tokens += tokens;
  timeline->last_ns = t_ns;
}

void sb_timeline_shrink(sb_timeline *timeline)
{
  if (timeline->size == 0) {
    free(timeline->bytes);
    timeline->bytes = NULL;
  } else if (timeline->size < timeline->capacity) {
    timeline->bytes = sb_realloc(timeline->bytes, timeline->size);
  }
  timeline->capacity = timeline->size;
}

void sb_timeline_read(const sb_timeline *timeline, sb_timeline_reader *reader)
{
  reader->at = timeline->bytes;
  reader->end = timeline->size ? timeline->bytes + timeline->size : timeline->bytes;
  reader->t_ns = timeline->origin_ns;
}

/* Nearly every chunk: a gap of 4 bytes (2 ms to 0.27 s) and fewer than 64 tokens. Moves on only where that is so. */
static inline bool read_usual(const uint8_t **at, const uint8_t *end, uint64_t *delta, uint64_t *packed)
{
  uint32_t word;
  if (end - *at < (ptrdiff_t)sizeof word + 1)
    return false;
  memcpy(&word, *at, sizeof word);
  word = le32toh(word);
  if ((word & 0x80808080) != 0x00808080 || (*at)[sizeof word] >= 0x80)
    return false;
  *delta = (word & 0x7f) | (word >> 1 & 0x3f80) | (word >> 2 & 0x1fc000) | (word >> 3 & 0xfe00000);
  *packed = (*at)[sizeof word];
  *at += sizeof word + 1;
  return true;
}

bool sb_timeline_next(sb_timeline_reader *reader, sb_chunk *chunk)
{
  const uint8_t *at = reader->at;
  uint64_t delta, packed;
  if (!read_usual(&at, reader->end, &delta, &packed) &&
      !(sb_varint_get(&at, reader->end, &delta) && sb_varint_get(&at, reader->end, &packed)))
    return false;
  if (delta > (uint64_t)INT64_MAX - (uint64_t)reader->t_ns || packed >> 33)
    return false;
  reader->at = at;
  reader->t_ns = (int64_t)((uint64_t)reader->t_ns + delta);
  chunk->t_ns = reader->t_ns;
  chunk->tokens = (uint32_t)(packed >> 1);
  chunk->has_text = packed & 1;
  return true;
}
