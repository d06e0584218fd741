#ifndef SB_RECORD_H
#define SB_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "measure/timeline.h"

/* What is known of one request once it ended, and the run that gathers them. All times are integer
 * nanoseconds of CLOCK_MONOTONIC; 0 means "did not happen". */

/* Where the token counts of a timeline's chunks come from; only the first four tell tokens chunk by chunk. */
typedef enum sb_token_source {
  SB_TOKENS_UNKNOWN,
  SB_TOKENS_CONTINUOUS_USAGE,
  SB_TOKENS_TOKEN_IDS,
  SB_TOKENS_TIMINGS,
  SB_TOKENS_EVENT_PER_TOKEN, /* the engine's file says that an event is a token */
  SB_TOKENS_USAGE_TOTAL      /* only the total is exact; what chunks carry means nothing */
} sb_token_source;

/* How a request ended; everything but SB_OUTCOME_OK is a failure, and data. */
typedef enum sb_outcome {
  SB_OUTCOME_OK,
  SB_OUTCOME_CONNECT,   /* refused, reset before an answer, TLS failed, name not found */
  SB_OUTCOME_HTTP,      /* a status other than 200 */
  SB_OUTCOME_BODY,      /* 200, but not the event stream or JSON that was asked for */
  SB_OUTCOME_TRUNCATED, /* the stream ended without finish_reason or [DONE] */
  SB_OUTCOME_EVENT,     /* an error event inside the stream */
  SB_OUTCOME_SILENCE,   /* no chunk within the first-token or chunk timeout */
  SB_OUTCOME_TIMEOUT,   /* not complete within the request timeout */
  SB_OUTCOME_CANCELED
} sb_outcome;

typedef enum sb_finish { SB_FINISH_NONE, SB_FINISH_STOP, SB_FINISH_LENGTH, SB_FINISH_OTHER } sb_finish;

typedef struct sb_record {
  uint32_t id;        /* position in the plan, from 0 */
  uint32_t prompt_id; /* the same prompt has the same number in every cell */
  int64_t t_intended; /* the plan's time; equal to t_send in a closed loop */
  int64_t t_send, t_first_byte, t_done;
  int32_t http_status; /* 0: no answer */
  sb_outcome outcome;
  sb_finish finish;
  sb_token_source token_source;
  uint32_t max_tokens;  /* the most that the request allowed; 0: not known */
  bool tokens_disagree; /* the server's counts contradict each other, or max_tokens */
  bool
      resent; /* sent twice, for the server closed its kept connection meanwhile: it may have been served twice */
  uint64_t text_hash; /* sb_hash64 of the answer's text with seed 0 */
  uint64_t bytes;     /* body bytes read */
  sb_timeline timeline;
  int64_t prompt_tokens, completion_tokens, cached_tokens; /* the server's usage; -1 unknown */
  int64_t
      data_prompt_tokens; /* the prompt's by the data that it is of; -1: they do not tell. Files do not keep it */
  int64_t draft_tokens, accepted_tokens; /* where the server says so per request; -1 unknown */
  char *error;                           /* one line, heap, NULL where outcome is OK */
  char *text;                            /* the answer, heap, NULL where it was not kept */
  size_t text_size;                      /* its bytes, zeroes among them */
  sb_timeline others; /* events that brought neither text nor tokens: when, in the place of `tokens` how many
                            chunks came since the one before, and in that of `has_text` whether it was [DONE] */
} sb_record;

/* The requests of one load, in plan order. */
typedef struct sb_run {
  sb_record *records;
  uint32_t count;
  int64_t t_start, t_end;  /* the load's: before the first send, after the last end */
  int64_t wall_anchor_ns;  /* CLOCK_REALTIME at... */
  int64_t clock_anchor_ns; /* ...this CLOCK_MONOTONIC */
  uint32_t concurrency;    /* closed loop's target; 0: open loop */
  double clock_scale;      /* simulated seconds a wall second; 1 on a real server */
  bool chat;               /* the chat endpoint was asked */
  bool events_known;       /* records have `others`; false of files that earlier versions wrote */
} sb_run;

/* Records come with their ids and every token count unknown (-1); sb_run_free takes NULL too. */
sb_run *sb_run_new(uint32_t count);
void sb_run_free(sb_run *run);
void sb_record_deinit(sb_record *record);

/* Writes asterisks over a secret wherever it stands in answers and errors, also where a text's end cuts it: errors quote
 * servers so far and no further. */
void sb_run_redact(sb_run *run, const char *secret, size_t size);

/* Whether the source tells tokens chunk by chunk. */
bool sb_token_source_per_chunk(sb_token_source source);

/* Tokens of the answer: the chunks' where the source tells them, else usage's total, else -1. */
int64_t sb_record_tokens(const sb_record *record);

/* Tokens of the prompt: those that its data tell, else those that the server counted, else -1. */
int64_t sb_record_prompt_tokens(const sb_record *record);

/* Names as they stand in files: "continuous_usage", "truncated", "length". Never NULL. */
const char *sb_token_source_name(sb_token_source source);
const char *sb_outcome_name(sb_outcome outcome);
const char *sb_finish_name(sb_finish finish);

#endif
