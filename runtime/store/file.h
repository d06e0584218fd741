#ifndef SB_FILE_H
#define SB_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Files that survive a kill: what is written is on disk, whole, or not there at all. All return 0 or a
 * negative code with a line that names the path. */

/* For results that can be made again in no time: while off, nothing is fsynced by the calls below. One switch for
 * the process, to be set while one thread writes. sb_folder_sync makes up for it once. */
void sb_file_set_durable(bool durable);

/* Syncs the whole file system that holds the folder. */
int sb_folder_sync(const char *folder, sb_err *err);

/* Writes a temporary file beside `path`, fsyncs it, renames it over `path`, fsyncs the folder. What is there and no
 * regular file (a pipe, a device) is written to, never replaced; a pipe without a reader is an error, and so is a signal
 * that comes while a reader takes nothing. */
int sb_file_write(const char *path, const void *data, size_t size, sb_err *err);

/* Writes and fsyncs a new file of a folder that sb_folder_commit will move into place: no rename of its own. A pipe or
 * a device is written to as sb_file_write does, and so with sb_file_append. */
int sb_file_put(const char *path, const void *data, size_t size, sb_err *err);

/* Appends in one write and fsyncs. */
int sb_file_append(const char *path, const void *data, size_t size, sb_err *err);

/* Appends the whole of it to `out`. A pipe that nobody writes to is empty; of what is no file (a device, a pipe) at most
 * 256 MiB are taken, beyond which it fails. */
int sb_file_read(const char *path, sb_strbuf *out, sb_err *err);

/* Makes an empty file that nobody else uses, in the first folder that has room of $TMPDIR, /tmp, /var/tmp and the
 * working directory, for a machine may lack any of them; *path becomes its path. */
int sb_file_temporary(sb_strbuf *path, sb_err *err);

/* mkdir -p */
int sb_folder_make(const char *path, sb_err *err);

/* Fsyncs a finished folder, renames it into place (both on one file system) and fsyncs the folder that then
 * holds it. The target must not exist. */
int sb_folder_commit(const char *from, const char *to, sb_err *err);

/* Makes a folder that is not there yet: of several processes that try, on whatever machine, one succeeds and the
 * others get SB_ESTATE. */
int sb_folder_claim(const char *path, sb_err *err);

/* Gives a file a second name; SB_ESTATE where that name is taken by another file. On a file server whose answer was
 * lost this may succeed twice for one file, never for two. */
int sb_file_link(const char *from, const char *to, sb_err *err);

/* Sets a file's or folder's time to now, by the clock of whoever keeps it. */
int sb_file_touch(const char *path, sb_err *err);

/* rm -r; a path that is not there is no error. */
int sb_tree_remove(const char *path, sb_err *err);

/* Takes an exclusive lock on `path` (made where missing) that dies with the process; *fd closes it early.
 * SB_ESTATE where another process holds it. */
int sb_file_lock(const char *path, int *fd, sb_err *err);

#endif
