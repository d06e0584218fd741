#include "net/http1.h"

#include <string.h>
#include <strings.h>

/* 15 digits are a chunk no machine holds, and leave room to add to it. */
enum { MAX_SIZE_DIGITS = 15, MAX_EXTENSION = SB_HTTP1_MAX_LINE, MAX_EXTENSION_STRICT = 256 };

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static int hex_digit(char c)
{
  if (is_digit(c))
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without the blanks around it. */
static sb_http1_slice trim(sb_http1_slice slice)
{
  while (slice.size && is_blank(slice.data[0])) {
    slice.data++;
    slice.size--;
  }
  while (slice.size && is_blank(slice.data[slice.size - 1]))
    slice.size--;
  return slice;
}

bool sb_http1_is(sb_http1_slice slice, const char *word)
{
  return slice.size == strlen(word) && !strncasecmp(slice.data, word, slice.size);
}

bool sb_http1_is_token(sb_http1_slice slice)
{
  static const char others[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < slice.size; i++) {
    char c = slice.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c) && (!c || !strchr(others, c)))
      return false;
  }
  return slice.size > 0;
}

/* What a field's value may not hold: a zero byte; strictly, any control character but the tabulator. */
static bool is_forbidden(char c, bool strict)
{
  unsigned char byte = (unsigned char)c;
  return !byte || (strict && ((byte < 0x20 && c != '\t') || byte == 0x7f));
}

bool sb_http1_field(sb_http1_slice line, bool strict, sb_http1_slice *name, sb_http1_slice *value)
{
  const char *colon = memchr(line.data, ':', line.size);
  if (!colon)
    return false;
  *name = (sb_http1_slice){ line.data, (size_t)(colon - line.data) };
  *value = trim((sb_http1_slice){ colon + 1, line.size - name->size - 1 });
  for (size_t i = 0; i < value->size; i++)
    if (is_forbidden(value->data[i], strict))
      return false;
  return sb_http1_is_token(*name);
}

bool sb_http1_length(sb_http1_slice digits, uint64_t *length)
{
  uint64_t value = 0;
  for (size_t i = 0; i < digits.size; i++) {
    if (!is_digit(digits.data[i]))
      return false;
    bool fits = value <= (UINT64_MAX - 9) / 10;
    value = fits ? value * 10 + (uint64_t)(digits.data[i] - '0') : UINT64_MAX;
  }
  *length = value;
  return digits.size > 0;
}

void sb_http1_connection_field(sb_http1_persistence *persistence, sb_http1_slice list)
{
  while (list.size) {
    const char *comma = memchr(list.data, ',', list.size);
    size_t size = comma ? (size_t)(comma - list.data) : list.size;
    sb_http1_slice option = trim((sb_http1_slice){ list.data, size });
    persistence->close = persistence->close || sb_http1_is(option, "close");
    persistence->keep = persistence->keep || sb_http1_is(option, "keep-alive");
    size += comma != NULL;
    list.data += size;
    list.size -= size;
  }
}

bool sb_http1_persists(const sb_http1_persistence *persistence, int minor)
{
  return !persistence->close && (minor >= 1 || persistence->keep);
}

sb_http1_line sb_http1_read_line(sb_http1_lines *lines, const char *data, size_t size, size_t *used,
                                 sb_http1_slice *line)
{
  if (lines->taken)
    sb_http1_lines_reset(lines);
  const char *newline = memchr(data, '\n', size);
  size_t length = newline ? (size_t)(newline - data) : size;
  *used = length + (newline != NULL);
  if (lines->part.size + length > SB_HTTP1_MAX_LINE)
    return SB_HTTP1_TOO_LONG;
  if (!newline || lines->part.size)
    sb_strbuf_append(&lines->part, data, length);
  if (!newline)
    return SB_HTTP1_PART;
  *line = lines->part.size ? (sb_http1_slice){ lines->part.data, lines->part.size }
                           : (sb_http1_slice){ data, length };
  lines->taken = true;
  bool returns = line->size && line->data[line->size - 1] == '\r';
  line->size -= returns;
  if (lines->strict &&
      (!returns || memchr(line->data, '\r', line->size) || memchr(line->data, 0, line->size)))
    return SB_HTTP1_MALFORMED;
  return SB_HTTP1_LINE;
}

void sb_http1_lines_reset(sb_http1_lines *lines)
{
  sb_strbuf_clear(&lines->part);
  lines->taken = false;
}

void sb_http1_lines_deinit(sb_http1_lines *lines)
{
  sb_strbuf_deinit(&lines->part);
}

static void refuse(sb_http1_chunks *c, const char *reason)
{
  c->state = SB_HTTP1_CHUNKS_REFUSED;
  c->reason = reason;
}

static void refuse_size(sb_http1_chunks *c)
{
  refuse(c, "a chunk's size is not a hexadecimal number");
}

static void end_size_line(sb_http1_chunks *c)
{
  if (c->remaining)
    c->state = SB_HTTP1_DATA;
  else
    c->state = c->strict ? SB_HTTP1_LAST_CR : SB_HTTP1_CHUNKS_END;
}

static void size_byte(sb_http1_chunks *c, char byte)
{
  int digit = hex_digit(byte);
  if (digit >= 0) {
    c->remaining = c->remaining << 4 | (unsigned)digit;
    if (c->count++ == MAX_SIZE_DIGITS) {
      c->too_large = true;
      refuse(c, "a chunk is too large");
    }
    return;
  }
  if (c->count == 0)
    refuse_size(c);
  else if (byte == '\r')
    c->state = SB_HTTP1_SIZE_LF;
  else if (byte == ';')
    c->state = SB_HTTP1_EXTENSION;
  else if (is_blank(byte) && !c->strict)
    c->state = SB_HTTP1_SIZE_BLANK;
  else if (byte == '\n' && !c->strict)
    end_size_line(c);
  else
    refuse_size(c);
  c->count = 0;
}

/* What follows the size on its line. */
static void after_size_byte(sb_http1_chunks *c, char byte)
{
  bool extension = c->state == SB_HTTP1_EXTENSION;
  if (byte == '\n' && !c->strict)
    end_size_line(c);
  else if (byte == '\r' && (c->strict || !extension))
    c->state = SB_HTTP1_SIZE_LF;
  else if (!extension && byte == ';')
    c->state = SB_HTTP1_EXTENSION;
  else if (!extension && !is_blank(byte))
    refuse_size(c);
  else if (byte == '\n')
    refuse(c, "a chunk's line does not end in CR LF");
  else if (++c->count > (c->strict ? MAX_EXTENSION_STRICT : MAX_EXTENSION))
    refuse(c, "a chunk's extension is too long");
}

/* The byte that must stand here, and what comes after it; without strictness a LF may stand for CR LF. */
static void expect(sb_http1_chunks *c, char byte, const char *reason)
{
  bool at_cr = c->state == SB_HTTP1_DATA_CR || c->state == SB_HTTP1_LAST_CR;
  if (at_cr && byte == '\r') {
    c->state++;
    return;
  }
  if (byte != '\n' || (at_cr && c->strict)) {
    refuse(c, reason);
    return;
  }
  c->state = c->state == SB_HTTP1_LAST_LF ? SB_HTTP1_CHUNKS_END : SB_HTTP1_SIZE;
  c->count = 0;
  c->remaining = 0;
}

static void frame_byte(sb_http1_chunks *c, char byte)
{
  switch (c->state) {
  case SB_HTTP1_SIZE: size_byte(c, byte); return;
  case SB_HTTP1_SIZE_BLANK:
  case SB_HTTP1_EXTENSION: after_size_byte(c, byte); return;
  case SB_HTTP1_SIZE_LF:
    if (byte == '\n')
      end_size_line(c);
    else
      refuse_size(c);
    return;
  case SB_HTTP1_LAST_CR:
  case SB_HTTP1_LAST_LF: expect(c, byte, "trailers after a chunked body are not taken"); return;
  default: expect(c, byte, "a chunk is longer than its size says"); return; /* after the data */
  }
}

size_t sb_http1_chunks_feed(sb_http1_chunks *c, const char *bytes, size_t size, sb_http1_slice *data)
{
  size_t at = 0;
  *data = (sb_http1_slice){ 0 };
  while (at < size && c->state != SB_HTTP1_DATA && c->state < SB_HTTP1_CHUNKS_END)
    frame_byte(c, bytes[at++]);
  if (at == size || c->state != SB_HTTP1_DATA)
    return at;
  size_t take = size - at < c->remaining ? size - at : (size_t)c->remaining;
  *data = (sb_http1_slice){ bytes + at, take };
  c->remaining -= take;
  if (!c->remaining)
    c->state = SB_HTTP1_DATA_CR;
  return at + take;
}
