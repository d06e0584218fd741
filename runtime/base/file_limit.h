#ifndef SB_FILE_LIMIT_H
#define SB_FILE_LIMIT_H

#include <stdbool.h>

/* Raises the limit of this process's open files to the most that it may have: a shell's is often 1024, and a
 * load of thousands of streams needs one each. False where it stays lower. */
bool sb_file_limit_raise(void);

#endif
