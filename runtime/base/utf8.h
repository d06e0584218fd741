#ifndef SB_UTF8_H
#define SB_UTF8_H

#include <stddef.h>

/* Decodes one UTF-8 character of at most `size` bytes; returns its length, or 0 where it is not one. */
size_t sb_utf8_decode(const unsigned char *p, size_t size, unsigned *code);

#endif
