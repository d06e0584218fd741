#ifndef SB_SEGMENTS_H
#define SB_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

/* How many segments with data a TCP connection has received so far, and how many bytes, read or not. False where the
 * kernel does not tell. (A file of its own: libc's header of TCP, which libuv's includes, does not know these fields.) */
bool sb_segments_received(int socket, uint32_t *segments, uint64_t *bytes);

#endif
