#ifndef SB_READABLE_H
#define SB_READABLE_H

#include <stdio.h>

/* Opens a file to read it; NULL and errno where it cannot. A pipe that nobody writes to is at its end at once, where
 * fopen() would wait for a writer. */
FILE *sb_readable_open(const char *path);

#endif
