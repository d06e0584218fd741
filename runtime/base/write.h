#ifndef SB_WRITE_H
#define SB_WRITE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it to a descriptor that waits, in as many calls as the kernel takes for it. False, and errno, where it
 * takes no more; what it took before stands there. A signal does not end it. */
bool sb_write_all(int fd, const void *data, size_t size);

/* The same, but a signal ends it (EINTR), or the next one where the first only cut a call short: for a pipe or a device,
 * whose reader may never come. */
bool sb_write_until_signal(int fd, const void *data, size_t size);

#endif
