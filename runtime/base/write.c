#include "base/write.h"

#include <errno.h>
#include <unistd.h>

static bool write_on(int fd, const char *data, size_t size, bool through_signals)
{
  while (size) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR && through_signals)
      continue;
    if (n < 0)
      return false;
    data += n;
    size -= (size_t)n;
  }
  return true;
}

bool sb_write_all(int fd, const void *data, size_t size)
{
  return write_on(fd, data, size, true);
}

bool sb_write_until_signal(int fd, const void *data, size_t size)
{
  return write_on(fd, data, size, false);
}
