#include "sim/tokens.h"

#include <stdbool.h>

#include "base/json_write.h"
#include "base/rng.h"

enum { PIECE = 6 };

static bool is_word(unsigned char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put_id(const char *text, size_t size, sb_strbuf *ids)
{
  if (!ids)
    return;
  sb_json_put_int(ids, (int64_t)(sb_hash64(text, size, 0) % SB_SIM_VOCABULARY));
  sb_strbuf_putc(ids, ',');
}

int64_t sb_sim_tokens_count(const char *text, size_t size, sb_strbuf *ids)
{
  int64_t count = 0;
  size_t at = 0;
  while (at < size) {
    unsigned char c = (unsigned char)text[at];
    size_t from = at++;
    if (c <= ' ' || c == 0x7f)
      continue;
    if (is_word(c))
      while (at < size && at - from < PIECE && is_word((unsigned char)text[at]))
        at++;
    else if (c >= 0x80)
      while (at < size && ((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    put_id(text + from, at - from, ids);
    count++;
  }
  return count;
}

int32_t sb_sim_tokens_answer(uint64_t prompt_hash, int32_t index)
{
  return (int32_t)(sb_hash64(&index, sizeof index, prompt_hash) % SB_SIM_VOCABULARY);
}

/* Two syllables of 64 each give every id below 4096 a word of its own. */
void sb_sim_tokens_text(uint64_t prompt_hash, int32_t from, int32_t to, sb_strbuf *out)
{
  static const char onsets[] = "bdfghjklmnprstvz", vowels[] = "aeio";
  if (from >= to)
    return;
  char *begin = sb_strbuf_reserve(out, (size_t)(to - from) * 5), *at = begin;
  for (int32_t i = from; i < to; i++) {
    unsigned n = (unsigned)sb_sim_tokens_answer(prompt_hash, i);
    if (i > 0)
      *at++ = ' ';
    *at++ = onsets[n & 15];
    *at++ = vowels[n >> 4 & 3];
    *at++ = onsets[n >> 6 & 15];
    *at++ = vowels[n >> 10 & 3];
  }
  *at = '\0';
  out->size += (size_t)(at - begin);
}
