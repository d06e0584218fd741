#include "net/prom.h"

#include <stdlib.h>
#include <string.h>

void sb_prom_init(sb_prom *prom, const char *text, size_t size)
{
  prom->at = text;
  prom->end = text + size;
}

static bool is_name(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

static const char *skip_blanks(const char *p, const char *end)
{
  while (p < end && (*p == ' ' || *p == '\t'))
    p++;
  return p;
}

/* From after the opening brace to the closing one; a brace inside a quoted value does not count. */
static const char *labels_end(const char *p, const char *end)
{
  bool quoted = false;
  for (; p < end; p++) {
    if (quoted && *p == '\\' && p + 1 < end)
      p++;
    else if (*p == '"')
      quoted = !quoted;
    else if (*p == '}' && !quoted)
      return p;
  }
  return NULL;
}

static bool parse_line(const char *p, const char *end, sb_prom_sample *sample)
{
  p = skip_blanks(p, end);
  *sample = (sb_prom_sample){ .name = p, .labels = p };
  while (p < end && is_name(*p))
    p++;
  sample->name_size = (size_t)(p - sample->name);
  if (!sample->name_size)
    return false;
  p = skip_blanks(p, end);
  if (p < end && *p == '{') {
    const char *close = labels_end(p + 1, end);
    if (!close)
      return false;
    sample->labels = p + 1;
    sample->labels_size = (size_t)(close - p - 1);
    p = skip_blanks(close + 1, end);
  }
  char number[64]; /* strtod wants a terminator */
  size_t size = 0;
  while (p + size < end && p[size] != ' ' && p[size] != '\t')
    size++;
  if (size >= sizeof number)
    return false;
  memcpy(number, p, size);
  number[size] = '\0';
  char *stop;
  sample->value = strtod(number, &stop);
  return size > 0 && *stop == '\0';
}

bool sb_prom_next(sb_prom *prom, sb_prom_sample *sample)
{
  while (prom->at < prom->end) {
    const char *line = prom->at;
    const char *newline = memchr(line, '\n', (size_t)(prom->end - line));
    const char *stop = newline ? newline : prom->end;
    prom->at = newline ? newline + 1 : prom->end;
    if (stop > line && stop[-1] == '\r')
      stop--;
    if (*line != '#' && parse_line(line, stop, sample))
      return true;
  }
  return false;
}
