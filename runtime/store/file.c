#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/readable.h"
#include "base/write.h"

/* Of a pipe or a device, which might never end. */
enum { MOST_OF_NO_FILE = 256 << 20 };

static bool durable = true;

void sb_file_set_durable(bool on)
{
  durable = on;
}

int sb_folder_sync(const char *folder, sb_err *err)
{
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return sb_err_sys(err, errno, "cannot open folder %s", folder);
  int rc = syncfs(fd) ? sb_err_sys(err, errno, "cannot sync folder %s", folder) : SB_OK;
  close(fd);
  return rc;
}

static int sync_folder(const char *folder, sb_err *err)
{
  if (!durable)
    return SB_OK;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return sb_err_sys(err, errno, "cannot open folder %s", folder);
  int rc = fsync(fd) ? sb_err_sys(err, errno, "cannot sync folder %s", folder) : SB_OK;
  close(fd);
  return rc;
}

static int sync_folder_of(const char *path, sb_err *err)
{
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash == folder)
    slash[1] = '\0';
  else if (slash)
    *slash = '\0';
  else
    strcpy(folder, ".");
  return sync_folder(folder, err);
}

/* Writes `file`; messages speak of `path`, which it may be the temporary stand-in for. */
static int write_and_sync(const char *file, const char *path, int flags, const void *data, size_t size,
                          sb_err *err)
{
  int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0)
    return sb_err_sys(err, errno, "cannot write %s", path);
  int failed = !sb_write_all(fd, data, size) || (durable && fsync(fd)) ? errno : 0;
  if (close(fd) && !failed)
    failed = errno;
  return failed ? sb_err_sys(err, failed, "cannot write %s", path) : SB_OK;
}

/* A pipe or a device is written to as it is: renamed over, /dev/null itself would become a file. One that nobody has
 * open is an error, not a wait; one whose reader takes nothing is waited for until a signal (Ctrl-C). */
static int write_special(const char *path, const void *data, size_t size, sb_err *err)
{
  int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return sb_err_sys(err, errno, "cannot write %s", path);
  int flags = fcntl(fd, F_GETFL);
  int failed = flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) || !sb_write_until_signal(fd, data, size)
                   ? errno
                   : 0;
  close(fd);
  return failed ? sb_err_sys(err, failed, "cannot write %s", path) : SB_OK;
}

static bool is_special(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* A name that no other writer of this path has: processes on several machines have the same numbers, and in a
 * container each is number 1. */
static int name_temporary(char *name, size_t room, const char *path)
{
  uint64_t any;
  if (getrandom(&any, sizeof any, GRND_NONBLOCK) != sizeof any)
    any = (uint64_t)getpid();
  return snprintf(name, room, "%s.%016" PRIx64 ".tmp", path, any) < (int)room;
}

int sb_file_write(const char *path, const void *data, size_t size, sb_err *err)
{
  if (is_special(path))
    return write_special(path, data, size, err);
  char temporary[PATH_MAX];
  if (!name_temporary(temporary, sizeof temporary, path))
    return sb_err_set(err, SB_EINVAL, "path too long: %.200s", path);
  int rc = write_and_sync(temporary, path, O_EXCL, data, size, err);
  if (rc == SB_OK && rename(temporary, path))
    rc = sb_err_sys(err, errno, "cannot write %s", path);
  if (rc) {
    unlink(temporary);
    return rc;
  }
  return sync_folder_of(path, err);
}

int sb_file_put(const char *path, const void *data, size_t size, sb_err *err)
{
  if (is_special(path))
    return write_special(path, data, size, err);
  return write_and_sync(path, path, O_TRUNC, data, size, err);
}

int sb_file_append(const char *path, const void *data, size_t size, sb_err *err)
{
  if (is_special(path))
    return write_special(path, data, size, err);
  return write_and_sync(path, path, O_APPEND, data, size, err);
}

static int read_all(int fd, size_t most, sb_strbuf *out)
{
  size_t before = out->size;
  for (;;) {
    char *end = sb_strbuf_reserve(out, 64 * 1024);
    ssize_t n = read(fd, end, 64 * 1024);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 ? errno : 0;
    out->size += (size_t)n;
    out->data[out->size] = '\0';
    if (out->size - before > most)
      return EFBIG;
  }
}

int sb_file_read(const char *path, sb_strbuf *out, sb_err *err)
{
  FILE *file = sb_readable_open(path);
  if (!file)
    return sb_err_sys(err, errno, "cannot read %s", path);
  struct stat st;
  bool is_file = fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode);
  int failed = read_all(fileno(file), is_file ? SIZE_MAX : MOST_OF_NO_FILE, out);
  fclose(file);
  if (failed == EFBIG)
    return sb_err_set(err, SB_EIO, "cannot read %s: it is no file and gives more than %d MiB", path,
                      MOST_OF_NO_FILE >> 20);
  return failed ? sb_err_sys(err, failed, "cannot read %s", path) : SB_OK;
}

int sb_folder_make(const char *path, sb_err *err)
{
  char part[PATH_MAX];
  if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part || !*path)
    return sb_err_set(err, SB_EINVAL, "not a usable folder name: %.200s", path);
  for (char *p = part + 1;; p++) {
    if (*p != '/' && *p != '\0')
      continue;
    char kept = *p;
    *p = '\0';
    if (mkdir(part, 0755) && errno != EEXIST)
      return sb_err_sys(err, errno, "cannot make folder %s", part);
    if (!kept)
      break;
    *p = kept;
  }
  struct stat st;
  if (stat(path, &st) || !S_ISDIR(st.st_mode))
    return sb_err_set(err, SB_EIO, "cannot make folder %s: a file of that name is in the way", path);
  return SB_OK;
}

int sb_folder_commit(const char *from, const char *to, sb_err *err)
{
  int rc = sync_folder(from, err);
  if (rc)
    return rc;
  if (rename(from, to))
    return sb_err_sys(err, errno, "cannot move %s to %s", from, to);
  return sync_folder_of(to, err);
}

int sb_folder_claim(const char *path, sb_err *err)
{
  if (mkdir(path, 0777) == 0)
    return sync_folder_of(path, err);
  if (errno == EEXIST)
    return sb_err_set(err, SB_ESTATE, "%s is taken", path);
  return sb_err_sys(err, errno, "cannot make %s", path);
}

int sb_file_link(const char *from, const char *to, sb_err *err)
{
  if (link(from, to) == 0)
    return sync_folder_of(to, err);
  int failed = errno;
  struct stat mine, other;
  if (failed != EEXIST)
    return sb_err_sys(err, failed, "cannot link %s to %s", from, to);
  if (stat(from, &mine) == 0 && stat(to, &other) == 0 && mine.st_ino == other.st_ino &&
      mine.st_dev == other.st_dev)
    return SB_OK;
  return sb_err_set(err, SB_ESTATE, "%s is taken", to);
}

int sb_file_touch(const char *path, sb_err *err)
{
  /* no time given: the file server takes its own */
  return utimensat(AT_FDCWD, path, NULL, 0) ? sb_err_sys(err, errno, "cannot touch %s", path) : SB_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path) && errno != ENOENT ? -1 : 0; /* another process may remove the same tree */
}

int sb_tree_remove(const char *path, sb_err *err)
{
  if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
    return sb_err_sys(err, errno, "cannot remove %s", path);
  return SB_OK;
}

int sb_file_lock(const char *path, int *fd, sb_err *err)
{
  *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (*fd < 0)
    return sb_err_sys(err, errno, "cannot write %s", path);
  if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
    return SB_OK;
  int failed = errno;
  close(*fd);
  *fd = -1;
  if (failed == EWOULDBLOCK)
    return sb_err_set(err, SB_ESTATE, "%s is locked by another specbench that is running", path);
  return sb_err_sys(err, failed, "cannot lock %s", path);
}

int sb_file_temporary(sb_strbuf *path, sb_err *err)
{
  const char *folders[] = { getenv("TMPDIR"), "/tmp", "/var/tmp", "." };
  int error = ENOENT;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!folders[i] || !*folders[i])
      continue;
    sb_strbuf_clear(path);
    sb_strbuf_printf(path, "%s/specbench-XXXXXX", folders[i]);
    int fd = mkostemp(path->data, O_CLOEXEC);
    if (fd >= 0) {
      close(fd);
      return SB_OK;
    }
    error = errno;
  }
  return sb_err_sys(err, error, "no temporary file in TMPDIR, /tmp, /var/tmp or here");
}
