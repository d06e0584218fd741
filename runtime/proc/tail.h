#ifndef SB_TAIL_H
#define SB_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Appends the last `max_lines` lines of a file to *out, each ended by a newline: what an error message shows
 * of a server's log. Looks at the last 64 KiB only, and at nothing before byte `from`, because a log is appended to
 * by one server after another; a file that is shorter was begun anew since (relay.h), and all of it counts. Where they
 * hold fewer lines, all of them are given.
 * Returns 0, or a negative sb_code with *out untouched: also of a pipe, which is not waited for. */
int sb_log_tail(const char *path, uint64_t from, size_t max_lines, sb_strbuf *out, sb_err *err);

#endif
