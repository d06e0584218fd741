#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = { "debug", "warning", "error" };
static sb_log_level threshold = SB_LOG_WARNING;

void sb_log_init_from_environment(void)
{
  const char *wanted = getenv("SPECBENCH_LOG");
  for (size_t i = 0; wanted && i < sizeof level_names / sizeof *level_names; i++)
    if (!strcmp(wanted, level_names[i]))
      threshold = (sb_log_level)i;
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
  /* one call, so that lines of several processes on one terminal do not interleave */
  fprintf(stderr, "specbench: %s: %s\n", level_names[level], line);
}
