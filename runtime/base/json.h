#ifndef SB_JSON_H
#define SB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"

/* A strict JSON reader (RFC 8259) that walks a complete text in place: no tree, no allocation. The caller
 * goes down where it is interested and skips the rest:
 *
 *   sb_json j; sb_json_init(&j, text, size);
 *   sb_json_string_t key;
 *   if (sb_json_object(&j))
 *     while (sb_json_key(&j, &key)) {
 *       if (sb_json_is(&key, "usage")) ...read exactly one value...
 *       else sb_json_skip(&j);
 *     }
 *   if (!sb_json_done(&j)) ...malformed...
 *
 * After the first error every call fails, so errors may be tested once, at the end. A value of another type
 * than asked for is an error: ask sb_json_peek first where several types are possible. */

typedef enum sb_json_type {
  SB_JSON_ERROR, /* malformed, or nothing left */
  SB_JSON_OBJECT,
  SB_JSON_ARRAY,
  SB_JSON_STRING,
  SB_JSON_NUMBER,
  SB_JSON_TRUE,
  SB_JSON_FALSE,
  SB_JSON_NULL
} sb_json_type;

typedef struct sb_json {
  const char *at, *end;
  int depth;
  bool first; /* no member or item of the innermost container was read yet */
  bool failed;
} sb_json;

/* A string as it stands in the text, between the quotes; `escaped` tells whether it holds a backslash. */
typedef struct sb_json_string_t {
  const char *raw;
  size_t size;
  bool escaped;
} sb_json_string_t;

void sb_json_init(sb_json *j, const char *text, size_t size);
sb_json_type sb_json_peek(sb_json *j);

bool sb_json_object(sb_json *j);                     /* enters an object */
bool sb_json_key(sb_json *j, sb_json_string_t *key); /* next member's key, false at the end */
bool sb_json_array(sb_json *j);                      /* enters an array */
bool sb_json_item(sb_json *j);                       /* another item follows? false at the end */

bool sb_json_string(sb_json *j, sb_json_string_t *value);
bool sb_json_double(sb_json *j, double *value);
bool sb_json_int(sb_json *j, int64_t *value); /* an integral number within int64 */
bool sb_json_bool(sb_json *j, bool *value);
bool sb_json_skip(sb_json *j); /* any one value, checked */

/* Whether the next value is of this type; one of another type is skipped. For values that may be null, or are read only
 * where they are as expected. */
bool sb_json_next_is(sb_json *j, sb_json_type type);

/* True when exactly one value was read, without error, and only white space follows. */
bool sb_json_done(sb_json *j);

/* Equality with a plain ASCII name; an escaped key never equals. Inline, so that a literal's length is known. */
static inline bool sb_json_is(const sb_json_string_t *s, const char *name)
{
  size_t size = strlen(name);
  return s->size == size && !s->escaped && memcmp(s->raw, name, size) == 0;
}

/* Appends the decoded string as UTF-8; a lone surrogate becomes U+FFFD. */
void sb_json_unescape(const sb_json_string_t *s, sb_strbuf *out);

#endif
