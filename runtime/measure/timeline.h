#ifndef SB_TIMELINE_H
#define SB_TIMELINE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The chunks of one streamed answer: when each arrived, how many tokens it brought, and whether its text was
 * non-empty. Delta-coded (LEB128: nanoseconds since the chunk before, then tokens * 2 + has_text), about 5
 * bytes a chunk, appended without an allocation in the steady state. */
typedef struct sb_timeline {
  uint8_t *bytes;
  uint32_t size, capacity;
  uint32_t chunks;   /* how many were appended */
  uint64_t tokens;   /* their sum */
  int64_t origin_ns; /* the first delta counts from here: the request's t_send */
  int64_t last_ns;   /* arrival of the last chunk; origin_ns while empty */
} sb_timeline;

typedef struct sb_chunk {
  int64_t t_ns;    /* CLOCK_MONOTONIC */
  uint32_t tokens; /* 0 where the server did not say */
  bool has_text;
} sb_chunk;

/* Empties it and sets the origin; keeps the memory. A zero-initialised timeline is valid. */
void sb_timeline_reset(sb_timeline *timeline, int64_t origin_ns);
void sb_timeline_deinit(sb_timeline *timeline);

/* t_ns must not lie before the last chunk (it is moved to it where it does). */
void sb_timeline_append(sb_timeline *timeline, int64_t t_ns, uint32_t tokens, bool has_text);

/* Gives unused capacity back: called once the answer is complete. */
void sb_timeline_shrink(sb_timeline *timeline);

/* The same, for one of many that grow alike: what it grew in goes to *spare, an empty one, for the next to begin with. */
void sb_timeline_pack(sb_timeline *timeline, sb_timeline *spare);

typedef struct sb_timeline_reader {
  const uint8_t *at, *end;
  int64_t t_ns;
} sb_timeline_reader;

static inline void sb_timeline_read(const sb_timeline *timeline, sb_timeline_reader *reader)
{
  reader->at = timeline->bytes;
  reader->end = timeline->size ? timeline->bytes + timeline->size : timeline->bytes;
  reader->t_ns = timeline->origin_ns;
}

bool sb_timeline_next_of_any_size(sb_timeline_reader *reader, sb_chunk *chunk);

/* The next chunk; false at the end or on damaged bytes. Inline for nearly every one: a gap of 4 bytes (2 ms to
 * 0.27 s) and fewer than 64 tokens. */
static inline bool sb_timeline_next(sb_timeline_reader *reader, sb_chunk *chunk)
{
  uint32_t word;
  if (reader->end - reader->at < (ptrdiff_t)sizeof word + 1)
    return sb_timeline_next_of_any_size(reader, chunk);
  memcpy(&word, reader->at, sizeof word);
  word = le32toh(word);
  uint8_t packed = reader->at[sizeof word];
  int64_t delta = (word & 0x7f) | (word >> 1 & 0x3f80) | (word >> 2 & 0x1fc000) | (word >> 3 & 0xfe00000);
  if ((word & 0x80808080) != 0x00808080 || packed >= 0x80 ||
      (uint64_t)delta > (uint64_t)INT64_MAX - (uint64_t)reader->t_ns)
    return sb_timeline_next_of_any_size(reader, chunk);
  reader->at += sizeof word + 1;
  reader->t_ns += delta;
  *chunk = (sb_chunk){ .t_ns = reader->t_ns, .tokens = packed >> 1, .has_text = packed & 1 };
  return true;
}

#endif
