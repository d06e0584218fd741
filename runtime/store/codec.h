#ifndef SB_CODEC_H
#define SB_CODEC_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Appends the data deflated into gzip's format; or inflated, of one gzip file or of several that were joined. Damaged
 * input, and what would become more than `most` bytes, gives SB_EPARSE, and *out holds what came before. */
int sb_gzip(const void *data, size_t size, sb_strbuf *out, sb_err *err);
int sb_gunzip(const void *data, size_t size, size_t most, sb_strbuf *out, sb_err *err);

/* SHA-256, 64 hexadecimal digits and a terminator. It fails where libcrypto has no SHA-256 to offer. */
int sb_sha256(const void *data, size_t size, char hex[65], sb_err *err);
int sb_sha256_file(const char *path, char hex[65], sb_err *err);

#endif
