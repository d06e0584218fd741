#ifndef SBL_EXIT_STATUS_H
#define SBL_EXIT_STATUS_H

/* What the program ends with beside 0, all well, and what scripts give: 3, finished with failed cells. */
enum {
  SBL_EXIT_SCRIPT = 1, /* a script or data error */
  SBL_EXIT_USAGE = 2,
  SBL_EXIT_INTERRUPTED = 130
};

#endif
