/* LD_PRELOAD: kills the process right after its KILL_AT-th operation that changes what is on the disk, with
 * KILL_CHILDREN=1 its children (the supervisors) before it. Writes into the file KILL_REPORT how many there were. Only
 * of the program that it is loaded into: what that starts is spared. */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_ulong operations;
static unsigned long kill_at;
static int kill_children;
static char report[256];
static pid_t owner;

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("KILL_REPORT"), *at = getenv("KILL_AT"), *children = getenv("KILL_CHILDREN");
  snprintf(report, sizeof report, "%s", path ? path : "");
  kill_at = at ? strtoul(at, NULL, 10) : 0;
  kill_children = children && *children == '1';
  owner = getpid();
  unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
  FILE *file = report[0] && getpid() == owner ? fopen(report, "w") : NULL;
  if (!file)
    return;
  fprintf(file, "%lu\n", atomic_load(&operations));
  fclose(file);
}

static void kill_supervisors(void)
{
  char path[300], text[256];
  struct dirent *entry;
  DIR *dir = opendir("/proc");
  while (dir && (entry = readdir(dir))) {
    int parent;
    snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
      close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *fields = strrchr(text, ')');
    if (fields && sscanf(fields + 1, " %*c %d", &parent) == 1 && parent == getpid())
      kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
  }
  if (dir)
    closedir(dir);
}

static int done(int result)
{
  if (getpid() == owner && atomic_fetch_add(&operations, 1) + 1 == kill_at) {
    if (kill_children)
      kill_supervisors();
    kill(owner, SIGKILL);
  }
  return result;
}

int fsync(int fd)
{
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return done(next(fd));
}

int rename(const char *from, const char *to)
{
  int (*next)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  return done(next(from, to));
}

int mkdir(const char *path, mode_t mode)
{
  int (*next)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
  return done(next(path, mode));
}
