#include "base/readable.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

FILE *sb_readable_open(const char *path)
{
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  /* a writer that is there (a shell's `<(...)`) is waited for */
  int flags = fcntl(fd, F_GETFL);
  FILE *file = flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ? NULL : fdopen(fd, "rb");
  if (!file) {
    int failed = errno;
    close(fd);
    errno = failed;
  }
  return file;
}
