#include "proc/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES 65536

static size_t start_of_last_lines(const char *text, size_t size, size_t max_lines)
{
  size_t at = size;
  if (at && text[at - 1] == '\n')
    at--;
  for (; at > 0; at--)
    if (text[at - 1] == '\n' && --max_lines == 0)
      break;
  return at;
}

int sb_log_tail(const char *path, uint64_t from, size_t max_lines, sb_strbuf *out, sb_err *err)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a log may be a pipe, which has no end to show */
  if (fd < 0)
    return sb_err_sys(err, errno, "cannot read log '%s'", path);
  char text[TAIL_BYTES];
  ssize_t n = fstat(fd, &st);
  if (n == 0) {
    uint64_t size = (uint64_t)st.st_size, start = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    if (start < from && from <= size)
      start = from;
    n = pread(fd, text, sizeof text, (off_t)start);
  }
  int saved = errno;
  close(fd);
  if (n > 0 && max_lines > 0) {
    size_t size = (size_t)n, start = start_of_last_lines(text, size, max_lines);
    sb_strbuf_append(out, text + start, size - start);
    if (text[size - 1] != '\n')
      sb_strbuf_putc(out, '\n');
  }
  return n < 0 ? sb_err_sys(err, saved, "cannot read log '%s'", path) : SB_OK;
}
