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
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return sb_err_sys(err, errno, "cannot read log '%s'", path);
  sb_strbuf text = { 0 };
  ssize_t n = fstat(fd, &st);
  if (n == 0) {
    char *end = sb_strbuf_reserve(&text, TAIL_BYTES);
    uint64_t size = (uint64_t)st.st_size, start = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    if (start < from && from <= size)
      start = from;
    n = pread(fd, end, TAIL_BYTES, (off_t)start);
  }
  int saved = errno;
  close(fd);
  if (n > 0 && max_lines > 0) {
    size_t size = (size_t)n, start = start_of_last_lines(text.data, size, max_lines);
    sb_strbuf_append(out, text.data + start, size - start);
    if (text.data[size - 1] != '\n')
      sb_strbuf_putc(out, '\n');
  }
  sb_strbuf_deinit(&text);
  return n < 0 ? sb_err_sys(err, saved, "cannot read log '%s'", path) : SB_OK;
}
