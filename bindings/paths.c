#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_scripts(const char *home)
{
  char probe[PATH_MAX + 96];
  snprintf(probe, sizeof probe, "%s/scripts/specbench/init.lua", home);
  return access(probe, R_OK) == 0;
}

static bool try_home(sbl_paths *paths, const char *format, const char *folder)
{
  char candidate[PATH_MAX + 32];
  snprintf(candidate, sizeof candidate, format, folder);
  return has_scripts(candidate) && realpath(candidate, paths->home);
}

bool sbl_paths_find(sbl_paths *paths)
{
  ssize_t n = readlink("/proc/self/exe", paths->executable, sizeof paths->executable - 1);
  if (n < 0)
    return false;
  paths->executable[n] = '\0';
  snprintf(paths->folder, sizeof paths->folder, "%s", paths->executable);
  *strrchr(paths->folder, '/') = '\0';
  const char *given = getenv("SPECBENCH_HOME");
  if (given && *given)
    return try_home(paths, "%s", given);

  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", paths->folder);
  if (try_home(paths, "%s/../share/specbench", folder)) /* installed */
    return true;
  for (char *slash; *folder; *slash = '\0') { /* a build folder somewhere inside the checkout */
    if (try_home(paths, "%s", folder))
      return true;
    slash = strrchr(folder, '/');
    if (!slash)
      break;
  }
  return false;
}
