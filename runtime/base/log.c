#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static const char *const level_names[] = { "debug", "warning", "error" };
static sb_log_level threshold = SB_LOG_WARNING;

void sb_log_init_from_environment(void)
{
  const char *wanted = getenv("SPECBENCH_LOG");
  for (size_t i = 0; wanted && i < sizeof level_names / sizeof *level_names; i++)
    if (!strcmp(wanted, level_names[i]))
      threshold = (sb_log_level)i;
}

/* Whether a terminal only shows it: no control character, C1 among them, and none that turns the direction of writing.
 * Lines and tabs are the writer's own. */
static bool is_shown(unsigned code)
{
  bool controls = code < 0x20 ? code != '\n' && code != '\t' : code >= 0x7f && code <= 0x9f;
  return !controls && !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

static void make_printable(char *text)
{
  unsigned char *to = (unsigned char *)text;
  const unsigned char *p = to, *end = p + strlen(text);
  while (p < end) {
    unsigned code;
    size_t n = sb_utf8_decode(p, (size_t)(end - p), &code);
    if (n && is_shown(code)) {
      memmove(to, p, n);
      to += n;
    } else {
      *to++ = '?';
    }
    p += n ? n : 1;
  }
  *to = '\0';
}

void sb_tell(const char *format, ...)
{
  char text[16 * 1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  make_printable(text);
  /* one call, so that lines of several processes on one terminal do not interleave */
  fprintf(stderr, "specbench%s\n", text);
}

void sb_log(sb_log_level level, const char *format, ...)
{
  if (level < threshold)
    return;
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  sb_tell(": %s: %s", level_names[level], line);
}
