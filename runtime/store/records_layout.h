#ifndef SB_RECORDS_LAYOUT_H
#define SB_RECORDS_LAYOUT_H

#include "measure/record.h"
#include "store/arrivals.h"

/* What writing and reading a records file have in common; the layout stands in records.h. */

#define SB_RECORDS_MAGIC "sbrec2\n"
#define SB_RECORDS_MAGIC_BEFORE "sbrec1\n"
#define SB_RECORDS_MAGIC_ROUNDED "sbrec3\n"

enum {
  SB_RECORDS_MAGIC_SIZE = sizeof SB_RECORDS_MAGIC - 1,
  SB_RECORDS_ROUNDED_NS = 1000,
  SB_RECORDS_CRC_SIZE = 4,
  SB_RECORDS_RUN_CHAT = 1, /* flags of a run */
  SB_RECORDS_RUN_EVENTS = 2,
  SB_RECORDS_TOKENS_DISAGREE = 1, /* flags of a record */
  SB_RECORDS_RESENT = 2
};

/* Reads all chunks, for their sums. False where bytes are damaged. */
bool sb_records_sum_up(const sb_timeline *line, sb_timeline *sums);

/* Whether the fields are what they can be, timelines apart. */
bool sb_records_sound_fields(const sb_record *record);
bool sb_records_sound_run(const sb_run *run);

/* Each request's chunks, or its other events; the caller's to free. */
sb_arrivals_line *sb_records_lines(const sb_run *run, bool others);

#endif
