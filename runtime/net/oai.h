#ifndef SB_OAI_H
#define SB_OAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* Reads the OpenAI-compatible answers of LLM servers: one event of a stream, or a whole answer. Facts differ
 * by engine (scripts/specbench/engine/README.md); what a field does not say is left at its "absent" value. */

typedef struct sb_oai_event {
  bool done;                /* the event was [DONE] */
  bool is_error;            /* the event carries an error object; `error` is its message where it has one */
  bool has_choice;          /* choices is not empty */
  bool several;             /* there is a second choice, or this one is not the first (its index) */
  bool has_text;            /* content, text or reasoning is a non-empty string */
  sb_json_string_t text[2]; /* those strings as they stand in the event; size 0 where absent */
  sb_json_string_t error;
  sb_json_string_t finish; /* finish_reason; raw is NULL while it is null or absent */
  int64_t token_ids;       /* length of choices[0].token_ids; -1 absent */
  int64_t prompt_tokens, completion_tokens, cached_tokens; /* usage; -1 absent */
  int64_t predicted_n;                                     /* llama.cpp timings: tokens so far; -1 absent */
  int64_t draft_n, draft_accepted_n; /* llama.cpp timings, vLLM metrics.speculative_decoding; -1 absent */
} sb_oai_event;

/* A count below 0 or of a billion and more is no count of tokens: absent. */
enum { SB_OAI_COUNT_END = 1000000000 };

/* 0, or SB_EPARSE where `data` is neither [DONE] nor a JSON object. Strings point into `data`. */
int sb_oai_parse(const char *data, size_t size, sb_oai_event *event);

#endif
