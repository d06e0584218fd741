#ifndef SB_RECORDS_H
#define SB_RECORDS_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "measure/record.h"

/* A cell's records file: a whole run, everything but the answers' texts, in some 5 bytes a chunk, exact to
 * the nanosecond. Layout: "sbrec2\n"; the run's header; its records; CRC-32 (zlib's) of all before, four
 * bytes, lowest first. Numbers are LEB128, signed ones zigzag-coded; times count from the run's start;
 * timelines stand as they are in memory. Files that begin with "sbrec1" are read too: they know of no events but
 * chunks, and of no limits. Those that begin with "sbrec3" tell times in microseconds, the wall clock's anchor apart;
 * timelines stand in them without times, each as the number of its chunks and what these brought, and behind the
 * records stands when all chunks came, then when all other events did (arrivals.h). */

/* Appends the file's bytes to `out`. SB_EINVAL, and nothing appended, for a run that could not be read back:
 * a negative time, an unknown enum value, a count below -1, a clock_scale that is not a positive number, a
 * broken timeline. */
int sb_records_write(const sb_run *run, sb_strbuf *out);

/* The same with every monotonic time rounded up to the microsecond, which of large runs packs to less than half. Order is
 * kept, each time by itself and so each difference of two is less than 1 us off, and rounding once more changes none. */
int sb_records_write_rounded(const sb_run *run, sb_strbuf *out);

/* SB_OK where these bytes are what either wrote, as far as their checksum tells, which takes a small part of
 * the time that parsing takes; else SB_EPARSE and a reason. */
int sb_records_check(const void *data, size_t size, sb_err *err);

/* The run in these bytes, the caller's to free; NULL and a reason where they are no whole, undamaged file. */
sb_run *sb_records_parse(const void *data, size_t size, sb_err *err);

/* Appends one JSON object a line for each request, for people and jq: times are nanoseconds since the run's
 * start, `chunks` is [[t_ns, tokens, has_text], ...], `others` (events that are no chunks) [[t_ns, chunks before it,
 * is [DONE]], ...], and null means "did not happen" or "unknown". */
void sb_records_to_jsonl(const sb_run *run, sb_strbuf *out);

#endif
