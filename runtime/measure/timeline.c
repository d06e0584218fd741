#include "measure/timeline.h"

#include <stdlib.h>

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

void sb_timeline_pack(sb_timeline *timeline, sb_timeline *spare)
{
  *spare = (sb_timeline){ .bytes = timeline->bytes, .capacity = timeline->capacity };
  timeline->capacity = timeline->size;
  timeline->bytes = timeline->size ? sb_alloc(timeline->size) : NULL;
  if (timeline->size)
    memcpy(timeline->bytes, spare->bytes, timeline->size);
}

bool sb_timeline_next_of_any_size(sb_timeline_reader *reader, sb_chunk *chunk)
{
  const uint8_t *at = reader->at;
  uint64_t delta, packed;
  if (!sb_varint_get(&at, reader->end, &delta) || !sb_varint_get(&at, reader->end, &packed) ||
      delta > (uint64_t)INT64_MAX - (uint64_t)reader->t_ns || packed >> 33)
    return false;
  reader->at = at;
  reader->t_ns = (int64_t)((uint64_t)reader->t_ns + delta);
  *chunk = (sb_chunk){ .t_ns = reader->t_ns, .tokens = (uint32_t)(packed >> 1), .has_text = packed & 1 };
  return true;
}
