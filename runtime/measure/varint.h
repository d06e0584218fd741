#ifndef SB_VARINT_H
#define SB_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* LEB128: seven bits a byte, the lowest first, the top bit set on every byte but the last. */

#define SB_VARINT_MAX 10 /* bytes of the longest 64-bit number */

/* Writes at most SB_VARINT_MAX bytes at `at`; returns how many. */
size_t sb_varint_put(uint8_t *at, uint64_t value);
void sb_varint_append(sb_strbuf *out, uint64_t value);

/* Reads one number and moves *at behind it. False, and *at unmoved, where it runs past `end` or does not fit
 * in 64 bits. */
bool sb_varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value);

/* Signed numbers, small ones short whatever their sign: 0 -1 1 -2 2 ... become 0 1 2 3 4 ... */
uint64_t sb_zigzag(int64_t value);
int64_t sb_unzigzag(uint64_t value);

#endif
