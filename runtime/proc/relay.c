#include "proc/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/write.h"

#define PIPE_BYTES (1 << 20) /* a server is not held up while the disk is slow */

int sb_relay_open(sb_relay *relay, const char *path, int64_t most)
{
  struct stat st;
  int ends[2];
  *relay = (sb_relay){ .path = path, .most = most, .source = -1, .sink = -1 };
  if (!*path)
    return 0;
  if (fstat(STDOUT_FILENO, &st) || pipe2(ends, O_CLOEXEC))
    return -1;
  relay->size = st.st_size;
  relay->source = ends[0];
  relay->sink = ends[1];
  fcntl(relay->source, F_SETPIPE_SZ, PIPE_BYTES); /* refused beyond a user's share: it is smaller then */
  fcntl(relay->source, F_SETFL, O_NONBLOCK);
  return 0;
}

void sb_relay_enter(const sb_relay *relay)
{
  if (relay->sink < 0)
    return;
  dup2(relay->sink, STDOUT_FILENO);
  dup2(relay->sink, STDERR_FILENO);
}

void sb_relay_begin(sb_relay *relay)
{
  if (relay->sink >= 0)
    close(relay->sink);
  relay->sink = -1;
}

int sb_relay_source(const sb_relay *relay)
{
  return relay->source;
}

/* A line of our own. */
static void note(sb_relay *relay, const char *format, int64_t bytes)
{
  char text[128];
  int size = snprintf(text, sizeof text, format, bytes);
  if (size > 0 && sb_write_all(STDOUT_FILENO, text, (size_t)size))
    relay->size += size;
}

/* Without a new file the old one stays, and grows on: a log too large is less of a loss than none. */
static void rotate(sb_relay *relay)
{
  char before[PATH_MAX];
  int64_t size = relay->size;
  relay->size = 0; /* whatever comes of it: not to be tried at each read */
  if (snprintf(before, sizeof before, "%s.1", relay->path) >= (int)sizeof before ||
      rename(relay->path, before))
    return;
  int file = open(relay->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0)
    return;
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  close(file);
  note(relay,
       "[specbench: the %" PRId64 " bytes before this are in the file of the same name with .1 behind it]\n",
       size);
}

static void write_down(sb_relay *relay, const char *data, size_t size)
{
  int64_t lost = relay->lost;
  if (lost) {
    relay->lost = 0;
    note(relay, "\n[specbench: %" PRId64 " bytes could not be written here]\n", lost);
  }
  if (sb_write_all(STDOUT_FILENO, data, size))
    relay->size += (int64_t)size;
  else
    relay->lost = lost + (int64_t)size;
}

/* Between two lines, so that what is looked for in a line (a key, to take it out) is found in one of the files; in a
 * line that does not end, at twice the size. */
static void keep(sb_relay *relay, const char *data, size_t size)
{
  while (size) {
    int64_t room = relay->most - relay->size;
    size_t from = room > 0 ? (size_t)room : 0, part = size;
    const char *newline = from < size ? memchr(data + from, '\n', size - from) : NULL;
    if (newline)
      part = (size_t)(newline + 1 - data);
    write_down(relay, data, part);
    if (newline || relay->size >= 2 * relay->most)
      rotate(relay);
    data += part;
    size -= part;
  }
}

static ssize_t pass(sb_relay *relay)
{
  char data[1 << 16];
  ssize_t n;
  do
    n = read(relay->source, data, sizeof data);
  while (n < 0 && errno == EINTR);
  if (n > 0) {
    keep(relay, data, (size_t)n);
  } else if (n == 0) {
    close(relay->source);
    relay->source = -1;
  }
  return n;
}

void sb_relay_pass(sb_relay *relay)
{
  pass(relay);
}

/* What another process goes on writing meanwhile is not waited for. */
void sb_relay_drain(sb_relay *relay)
{
  for (int64_t left = PIPE_BYTES; relay->source >= 0 && left > 0;) {
    ssize_t n = pass(relay);
    if (n <= 0)
      return;
    left -= n;
  }
}
