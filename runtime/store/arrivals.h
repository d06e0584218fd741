#ifndef SB_ARRIVALS_H
#define SB_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "measure/timeline.h"

/* When the chunks of many timelines came, all of them in the order of time: streams that an engine answers in one
 * batch advance together, so the next chunk comes soon after the last one, and nearly always on the timeline that has
 * waited longest. Layout: each chunk's time since the one before it, in units; then each chunk's timeline, as its place
 * among those that began by who waits longest, behind them those that did not, by number. */

/* A time in whole units, rounded up: what is not 0 does not become it. Largest times are rounded down, for they must
 * be times again. */
uint64_t sb_arrivals_units(int64_t time_ns, int64_t unit_ns);

typedef struct sb_arrivals_line {
  sb_timeline *timeline;
  const uint8_t *packed; /* when reading: tokens * 2 + has_text of each chunk, known to be sound */
} sb_arrivals_line;

void sb_arrivals_write(const sb_arrivals_line *lines, uint32_t count, int64_t unit_ns, sb_strbuf *out);

/* Fills timelines that tell their origin and the number of their chunks from the bytes at *at, and moves that behind
 * them. False where they are damaged. */
bool sb_arrivals_read(sb_arrivals_line *lines, uint32_t count, int64_t unit_ns, const uint8_t **at,
                      const uint8_t *end);

#endif
