#ifndef SB_PLANES_H
#define SB_PLANES_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

/* A file of LEB128 numbers, its bytes put in an order that deflate makes a third less of: the first bytes of all
 * numbers together, then the second ones, and so on, apart by how long the numbers before each were, for that tells
 * which field of a record it is. Any bytes at all come back as they were. */

/* Appends `data` in that order to `out`, some 650 bytes longer. */
void sb_planes_split(const void *data, size_t size, sb_strbuf *out);

/* Appends what was split; SB_EPARSE, and nothing appended, for bytes that sb_planes_split did not write. What it
 * appends is shorter than what it reads. */
int sb_planes_join(const void *data, size_t size, sb_strbuf *out, sb_err *err);

#endif
