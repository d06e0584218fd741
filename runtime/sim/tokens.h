#ifndef SB_SIM_TOKENS_H
#define SB_SIM_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* The simulator's tokens. Prompts are counted by shape alone: a run of ASCII letters and digits is one token
 * for every six characters begun, any other visible ASCII character one, any character outside ASCII one;
 * white space none. Answers are words made of the prompt's hash and the token's place, so the same prompt is
 * always answered in the same words, with or without speculation. */

enum { SB_SIM_VOCABULARY = 4096 };

/* Tokens of a text; where ids is not NULL, appends their ids, each followed by a comma. */
int64_t sb_sim_tokens_count(const char *text, size_t size, sb_strbuf *ids);

/* Token `index` (from 0) of the answer to a prompt: an id below SB_SIM_VOCABULARY. */
int32_t sb_sim_tokens_answer(uint64_t prompt_hash, int32_t index);

/* Appends the text of an answer's tokens `from` (counted from 0) to before `to`: plain ASCII words, with a space before
 * each that is not the answer's first. */
void sb_sim_tokens_text(uint64_t prompt_hash, int32_t from, int32_t to, sb_strbuf *out);

#endif
