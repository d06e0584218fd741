#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names of files and words of servers stand in it: one line stays one, whatever they hold. */
static void make_line(sb_err *err)
{
  for (char *p = err->text; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f)
      *p = ' ';
}

int sb_err_set(sb_err *err, sb_code code, const char *format, ...)
{
  if (err) {
    va_list args;
    va_start(args, format);
    err->code = code;
    err->sys_errno = 0;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    make_line(err);
  }
  return code;
}

int sb_err_sys(sb_err *err, int sys_errno, const char *format, ...)
{
  if (err) {
    va_list args;
    va_start(args, format);
    err->code = SB_EIO;
    err->sys_errno = sys_errno;
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
      snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(sys_errno));
    make_line(err);
  }
  return SB_EIO;
}

const char *sb_code_name(sb_code code)
{
  switch (code) {
  case SB_OK: return "ok";
  case SB_EINVAL: return "invalid";
  case SB_ENOMEM: return "memory";
  case SB_EIO: return "io";
  case SB_EPARSE: return "parse";
  case SB_ETIMEOUT: return "timeout";
  case SB_ESTATE: return "state";
  }
  return "unknown";
}
