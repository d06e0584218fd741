#include "base/json_write.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static void put_escaped(sb_strbuf *out, unsigned code)
{
  switch (code) {
  case '"': sb_strbuf_puts(out, "\\\""); return;
  case '\\': sb_strbuf_puts(out, "\\\\"); return;
  case '\b': sb_strbuf_puts(out, "\\b"); return;
  case '\f': sb_strbuf_puts(out, "\\f"); return;
  case '\n': sb_strbuf_puts(out, "\\n"); return;
  case '\r': sb_strbuf_puts(out, "\\r"); return;
  case '\t': sb_strbuf_puts(out, "\\t"); return;
  default: break;
  }
  if (code >= 0x10000) {
    code -= 0x10000;
    sb_strbuf_printf(out, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
  } else {
    sb_strbuf_printf(out, "\\u%04x", code);
  }
}

static bool is_plain(unsigned char c)
{
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Where the next byte is that does not stand for itself, or the end. Eight at a time, since most texts have none: a
 * byte's top bit is set where it is above 0x7f, or where what is tried on the others carries into it. */
static const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end)
{
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    uint64_t low = word & ~tops, quote = low ^ ones * '"', slash = low ^ ones * '\\';
    uint64_t odd =
        word | ~(low + ones * 0x60) | (low + ones) | ~(quote + ones * 0x7f) | ~(slash + ones * 0x7f);
    if (odd & tops)
      break;
  }
  while (p < end && is_plain(*p))
    p++;
  return p;
}

void sb_json_put_string(sb_strbuf *out, const char *text, size_t size)
{
  const unsigned char *p = (const unsigned char *)text, *end = p + size, *plain = p;
  sb_strbuf_putc(out, '"');
  while ((p = skip_plain(p, end)) < end) {
    sb_strbuf_append(out, plain, (size_t)(p - plain));
    unsigned code = 0xfffd;
    size_t n = sb_utf8_decode(p, (size_t)(end - p), &code);
    if (code == 0x7f)
      sb_strbuf_putc(out, 0x7f);
    else
      put_escaped(out, code);
    p += n ? n : 1;
    plain = p;
  }
  sb_strbuf_append(out, plain, (size_t)(p - plain));
  sb_strbuf_putc(out, '"');
}

void sb_json_put_int(sb_strbuf *out, int64_t value)
{
  char text[20], *end = text + sizeof text, *at = end;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do
    *--at = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0)
    *--at = '-';
  sb_strbuf_append(out, at, (size_t)(end - at));
}

/* Adds one to the last digit before the exponent; false where that takes a digit more. */
static bool step_up(char *text)
{
  for (char *p = strchr(text, 'e') - 1; p >= text; p--) {
    if (*p >= '0' && *p < '9') {
      ++*p;
      return true;
    }
    if (*p == '9')
      *p = '0';
  }
  return false;
}

/* The fewest significant digits that read back the same, as "-d.ddde+XX". 15 are enough to find all shorter
 * ones of a normal number. Above a power of two the doubles lie twice as far apart as below it, so there the
 * text that reads back may be the next one up from the nearest. */
static void shortest(double value, char *text, size_t size)
{
  for (int precision = fabs(value) < DBL_MIN ? 0 : 14; precision <= 16; precision++) {
    snprintf(text, size, "%.*e", precision, value);
    if (strtod(text, NULL) == value || (step_up(text) && strtod(text, NULL) == value))
      return;
  }
}

void sb_json_put_double(sb_strbuf *out, double value)
{
  if (!isfinite(value)) {
    sb_strbuf_puts(out, "null");
    return;
  }
  char text[40];
  shortest(value, text, sizeof text);
  char digits[24];
  size_t n = 0;
  char *exponent_at = strchr(text, 'e');
  for (char *p = text; p < exponent_at; p++)
    if (*p >= '0' && *p <= '9')
      digits[n++] = *p;
  while (n > 1 && digits[n - 1] == '0')
    n--;
  long exponent = strtol(exponent_at + 1, NULL, 10);

  char spelled[48], *at = spelled;
  if (text[0] == '-')
    *at++ = '-';
  if (exponent < -4 || exponent >= 16) {
    *at++ = digits[0];
    if (n > 1)
      *at++ = '.';
    memcpy(at, digits + 1, n - 1);
    at += n - 1;
    at += snprintf(at, sizeof spelled - sizeof digits, "e%c%02ld", exponent < 0 ? '-' : '+', labs(exponent));
  } else if (exponent < 0) {
    *at++ = '0';
    *at++ = '.';
    for (long i = -1; i > exponent; i--)
      *at++ = '0';
    memcpy(at, digits, n);
    at += n;
  } else {
    size_t whole = (size_t)exponent + 1;
    for (size_t i = 0; i < whole; i++)
      *at++ = i < n ? digits[i] : '0';
    *at++ = '.';
    for (size_t i = whole; i < n; i++)
      *at++ = digits[i];
    if (n <= whole)
      *at++ = '0';
  }
  sb_strbuf_append(out, spelled, (size_t)(at - spelled));
}
