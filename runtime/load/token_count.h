#ifndef SB_TOKEN_COUNT_H
#define SB_TOKEN_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "measure/record.h"
#include "net/oai.h"

/* Tokens of an answer's chunks: from which of the counts that a server tells, and what they are worth at its end. */

typedef struct sb_token_count { /* of one answer; zero-initialised */
  int64_t counted;              /* tokens told so far by a cumulative source */
  uint32_t uncounted;           /* events whose text came without a new token */
  bool text_first;              /* text came before the first token that was counted */
  bool total_stale;             /* text came after the last usage: that is no total */
} sb_token_count;

/* How many tokens an event brought, before it is appended to the record's timeline; may set the record's source.
 * event_per_token: the engine's file says that an event is a token. */
uint32_t sb_token_count_add(sb_token_count *count, sb_record *record, const sb_oai_event *event,
                            bool event_per_token);

/* At the answer's end: what the counts of its chunks and its last usage are worth. */
void sb_token_count_settle(sb_token_count *count, sb_record *record);

#endif
