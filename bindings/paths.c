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

/* The only line of a file in a folder. */
static bool read_word(const char *folder, const char *name, char word[PATH_MAX])
{
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "re");
  bool found = file && fgets(word, PATH_MAX, file);
  if (file)
    fclose(file);
  if (found)
    word[strcspn(word, "\n")] = '\0';
  return found;
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

  char folder[PATH_MAX], word[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", paths->folder);
  if (try_home(paths, "%s/../share/specbench", folder)) /* installed */
    return true;
  if (read_word(folder, "specbench-home", word) &&
      try_home(paths, "%s", word)) /* built outside the checkout */
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
