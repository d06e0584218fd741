#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 128 };

static bool fail(sb_json *j)
{
  j->failed = true;
  return false;
}

static inline bool is_space(char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool is_digit(const sb_json *j)
{
  return j->at < j->end && *j->at >= '0' && *j->at <= '9';
}

static inline void skip_space(sb_json *j)
{
  while (j->at < j->end && is_space(*j->at))
    j->at++;
}

void sb_json_init(sb_json *j, const char *text, size_t size)
{
  *j = (sb_json){ .at = text, .end = text + size, .first = true };
}

sb_json_type sb_json_peek(sb_json *j)
{
  skip_space(j);
  if (j->failed || j->at == j->end)
    return SB_JSON_ERROR;
  switch (*j->at) {
  case '{': return SB_JSON_OBJECT;
  case '[': return SB_JSON_ARRAY;
  case '"': return SB_JSON_STRING;
  case 't': return SB_JSON_TRUE;
  case 'f': return SB_JSON_FALSE;
  case 'n': return SB_JSON_NULL;
  default: return *j->at == '-' || is_digit(j) ? SB_JSON_NUMBER : SB_JSON_ERROR;
  }
}

static bool enter(sb_json *j, sb_json_type type)
{
  if (sb_json_peek(j) != type || j->depth == MAX_DEPTH)
    return fail(j);
  j->at++;
  j->depth++;
  j->first = true;
  return true;
}

/* Steps over the comma before the next member, or out of the container. */
static bool advance(sb_json *j, char close)
{
  skip_space(j);
  if (j->failed || j->at == j->end)
    return fail(j);
  if (*j->at == close) {
    j->at++;
    j->depth--;
    j->first = false;
    return false;
  }
  if (!j->first) {
    if (*j->at != ',')
      return fail(j);
    j->at++;
  }
  j->first = false;
  return true;
}

bool sb_json_object(sb_json *j)
{
  return enter(j, SB_JSON_OBJECT);
}

bool sb_json_array(sb_json *j)
{
  return enter(j, SB_JSON_ARRAY);
}

bool sb_json_key(sb_json *j, sb_json_string_t *key)
{
  if (!advance(j, '}') || !sb_json_string(j, key))
    return false;
  skip_space(j);
  if (j->at == j->end || *j->at != ':')
    return fail(j);
  j->at++;
  return true;
}

bool sb_json_item(sb_json *j)
{
  return advance(j, ']');
}

static bool is_hex4(const char *p)
{
  for (int i = 0; i < 4; i++)
    if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f') || (p[i] >= 'A' && p[i] <= 'F')))
      return false;
  return true;
}

/* A byte's high bit is set in the result where that byte of `word` is a quote, a backslash or a control
 * character (below 0x20). The usual carry trick: exact up to the first such byte, which is all that is used. Flipping
 * one bit swaps quote and space, so that the quote follows the control characters. */
static inline uint64_t special_bytes(uint64_t word)
{
  const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
  uint64_t swapped = word ^ (ones * ('"' ^ ' ')), backslash = word ^ (ones * '\\');
  return ((swapped - ones * 0x21) | (backslash - ones)) & ~word & highs;
}

/* The first quote, backslash or control character from p on; at most a few bytes before it where the end is
 * near, for the caller goes on byte by byte. */
static inline const char *skip_plain(const char *p, const char *end)
{
  while (end - p >= 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    uint64_t special = special_bytes(word);
    if (special) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
      p += __builtin_ctzll(special) / 8;
#endif
      return p;
    }
    p += 8;
  }
  return p;
}

/* Goes on at `p`, within a string that may have escapes, to its end. Apart, so that the usual string, which has none,
 * does without its registers. */
__attribute__((noinline)) static bool finish_string(sb_json *j, const char *p, sb_json_string_t *value)
{
  for (; p < j->end && *p != '"'; p = skip_plain(p, j->end)) {
    if ((unsigned char)*p < 0x20)
      return fail(j);
    if (*p == '\\') {
      value->escaped = true;
      if (++p == j->end)
        return fail(j);
      if (*p == 'u') {
        if (j->end - p < 5 || !is_hex4(p + 1))
          return fail(j);
        p += 4;
      } else if (!memchr("\"\\/bfnrt", *p, 8)) {
        return fail(j);
      }
    }
    p++;
  }
  if (p >= j->end)
    return fail(j);
  value->size = (size_t)(p - value->raw);
  j->at = p + 1;
  return true;
}

bool sb_json_string(sb_json *j, sb_json_string_t *value)
{
  skip_space(j);
  if (j->failed || j->at == j->end || *j->at != '"')
    return fail(j);
  const char *start = j->at + 1, *p = skip_plain(start, j->end);
  *value = (sb_json_string_t){ .raw = start, .size = (size_t)(p - start) };
  j->first = false;
  if (p == j->end || *p != '"')
    return finish_string(j, p, value);
  j->at = p + 1;
  return true;
}

/* Steps over a number of RFC 8259's grammar; *integral tells whether it has neither fraction nor exponent. */
static bool number(sb_json *j, const char **start, bool *integral)
{
  if (sb_json_peek(j) != SB_JSON_NUMBER)
    return fail(j);
  *start = j->at;
  *integral = true;
  if (*j->at == '-')
    j->at++;
  if (!is_digit(j))
    return fail(j);
  if (*j->at == '0')
    j->at++;
  else
    while (is_digit(j))
      j->at++;
  if (j->at < j->end && *j->at == '.') {
    *integral = false;
    j->at++;
    if (!is_digit(j))
      return fail(j);
    while (is_digit(j))
      j->at++;
  }
  if (j->at < j->end && (*j->at == 'e' || *j->at == 'E')) {
    *integral = false;
    j->at++;
    if (j->at < j->end && (*j->at == '+' || *j->at == '-'))
      j->at++;
    if (!is_digit(j))
      return fail(j);
    while (is_digit(j))
      j->at++;
  }
  j->first = false;
  return true;
}

bool sb_json_double(sb_json *j, double *value)
{
  const char *start;
  bool integral;
  if (!number(j, &start, &integral))
    return false;
  char text[64]; /* strtod's must be terminated, the input need not be */
  size_t size = (size_t)(j->at - start);
  if (size >= sizeof text)
    return fail(j);
  memcpy(text, start, size);
  text[size] = '\0';
  *value = strtod(text, NULL);
  return true;
}

/* The digits of an integer, with or without a minus. */
static bool read_integer(const char *p, const char *end, int64_t *value)
{
  bool negative = *p == '-';
  int64_t n = 0;
  for (p += negative; p < end; p++) {
    int digit = *p - '0';
    if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, digit, &n))
      return false;
  }
  *value = n; /* below 0, where there is one number more */
  return negative || !__builtin_sub_overflow(0, n, value);
}

bool sb_json_int(sb_json *j, int64_t *value)
{
  const char *start;
  bool integral;
  sb_json before = *j;
  if (!number(j, &start, &integral))
    return false;
  if (integral)
    return read_integer(start, j->at, value) || fail(j);
  *j = before;
  double d;
  if (!sb_json_double(j, &d))
    return false;
  if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || d != (double)(int64_t)d)
    return fail(j);
  *value = (int64_t)d;
  return true;
}

static bool literal(sb_json *j, const char *word)
{
  size_t size = strlen(word);
  if ((size_t)(j->end - j->at) < size || memcmp(j->at, word, size) != 0)
    return fail(j);
  j->at += size;
  j->first = false;
  return true;
}

bool sb_json_bool(sb_json *j, bool *value)
{
  sb_json_type type = sb_json_peek(j);
  if (type != SB_JSON_TRUE && type != SB_JSON_FALSE)
    return fail(j);
  *value = type == SB_JSON_TRUE;
  return literal(j, *value ? "true" : "false");
}

bool sb_json_skip(sb_json *j)
{
  sb_json_string_t s;
  const char *start;
  bool b;
  switch (sb_json_peek(j)) {
  case SB_JSON_OBJECT:
    if (!sb_json_object(j))
      return false;
    while (sb_json_key(j, &s))
      sb_json_skip(j);
    return !j->failed;
  case SB_JSON_ARRAY:
    if (!sb_json_array(j))
      return false;
    while (sb_json_item(j))
      sb_json_skip(j);
    return !j->failed;
  case SB_JSON_STRING: return sb_json_string(j, &s);
  case SB_JSON_NUMBER: return number(j, &start, &b);
  case SB_JSON_TRUE:
  case SB_JSON_FALSE: return sb_json_bool(j, &b);
  case SB_JSON_NULL: return literal(j, "null");
  case SB_JSON_ERROR: break;
  }
  return fail(j);
}

bool sb_json_next_is(sb_json *j, sb_json_type type)
{
  if (sb_json_peek(j) == type)
    return true;
  sb_json_skip(j);
  return false;
}

bool sb_json_done(sb_json *j)
{
  skip_space(j);
  return !j->failed && j->depth == 0 && !j->first && j->at == j->end;
}

static unsigned hex4(const char *p)
{
  unsigned v = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return v;
}

static void put_utf8(sb_strbuf *out, unsigned code)
{
  char b[4];
  size_t n = 0;
  if (code < 0x80) {
    b[n++] = (char)code;
  } else if (code < 0x800) {
    b[n++] = (char)(0xc0 | code >> 6);
    b[n++] = (char)(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    b[n++] = (char)(0xe0 | code >> 12);
    b[n++] = (char)(0x80 | (code >> 6 & 0x3f));
    b[n++] = (char)(0x80 | (code & 0x3f));
  } else {
    b[n++] = (char)(0xf0 | code >> 18);
    b[n++] = (char)(0x80 | (code >> 12 & 0x3f));
    b[n++] = (char)(0x80 | (code >> 6 & 0x3f));
    b[n++] = (char)(0x80 | (code & 0x3f));
  }
  sb_strbuf_append(out, b, n);
}

/* Decodes the \uXXXX at p (and a low surrogate that follows a high one); returns what comes after. */
static const char *unescape_unicode(const char *p, const char *end, sb_strbuf *out)
{
  unsigned code = hex4(p + 2);
  p += 6;
  if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    unsigned low = hex4(p + 2);
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      p += 6;
    }
  }
  put_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  return p;
}

void sb_json_unescape(const sb_json_string_t *s, sb_strbuf *out)
{
  if (!s->size) /* raw may be NULL */
    return;
  const char *p = s->raw, *end = s->raw + s->size;
  while (p < end) {
    const char *slash = s->escaped ? memchr(p, '\\', (size_t)(end - p)) : NULL;
    sb_strbuf_append(out, p, (size_t)((slash ? slash : end) - p));
    if (!slash)
      return;
    p = slash;
    if (p[1] == 'u') {
      p = unescape_unicode(p, end, out);
      continue;
    }
    switch (p[1]) {
    case 'b': sb_strbuf_putc(out, '\b'); break;
    case 'f': sb_strbuf_putc(out, '\f'); break;
    case 'n': sb_strbuf_putc(out, '\n'); break;
    case 'r': sb_strbuf_putc(out, '\r'); break;
    case 't': sb_strbuf_putc(out, '\t'); break;
    default: sb_strbuf_putc(out, p[1]);
    }
    p += 2;
  }
}
