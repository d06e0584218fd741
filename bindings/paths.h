#ifndef SBL_PATHS_H
#define SBL_PATHS_H

#include <limits.h>
#include <stdbool.h>

/* Where this program's own files are: found from the executable, so that an installed tree may be moved. */
typedef struct sbl_paths {
  char executable[PATH_MAX];
  char folder[PATH_MAX]; /* that holds the executable */
  char home[PATH_MAX]; /* holds scripts/, rounds/, datasets/ and profiles: the checkout or share/specbench */
} sbl_paths;

/* The tree installed around the executable, the checkout whose build folder holds it (the file specbench-home in it
 * names it), or the one that it lies in. false where no tree is found around the executable; $SPECBENCH_HOME overrides the search. */
bool sbl_paths_find(sbl_paths *paths);

#endif
