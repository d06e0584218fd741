#include "proc/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/write.h"

/* "0::/PATH" of /proc/self/cgroup: ours in version 2. */
static bool read_own(char *own, size_t size)
{
  char line[4096];
  FILE *file = fopen("/proc/self/cgroup", "re");
  bool found = false;
  while (file && !found && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    found = !strncmp(line, "0::/", 4) && snprintf(own, size, "%s", line + 3) < (int)size;
  }
  if (file)
    fclose(file);
  return found;
}

/* Where version 2 is mounted: alone, or beside version 1. */
static const char *find_mount(void)
{
  static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
  struct statfs about;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (statfs(places[i], &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC)
      return places[i];
  return NULL;
}

bool sb_cgroup_make(const char *name, char *path, size_t size)
{
  char own[4096];
  const char *mount = find_mount();
  if (!mount || !read_own(own, sizeof own))
    return false;
  const char *slash = strcmp(own, "/") ? "/" : "";
  return snprintf(path, size, "%s%s%s%s", mount, own, slash, name) < (int)size && mkdir(path, 0755) == 0;
}

static int open_processes(const char *path, int flags)
{
  char file[4200];
  snprintf(file, sizeof file, "%s/cgroup.procs", path);
  return open(file, flags | O_CLOEXEC);
}

void sb_cgroup_enter(const char *path)
{
  int fd = open_processes(path, O_WRONLY);
  if (fd < 0)
    return;
  sb_write_all(fd, "0", 1); /* where that fails the mark finds it all the same */
  close(fd);
}

bool sb_cgroup_is(const char *path, const char *name)
{
  struct statfs about;
  const char *slash = strrchr(path, '/');
  return slash && !strcmp(slash + 1, name) && statfs(path, &about) == 0 &&
         about.f_type == CGROUP2_SUPER_MAGIC;
}

size_t sb_cgroup_members(const char *path, pid_t **pids)
{
  size_t count = 0, capacity = 0;
  *pids = NULL;
  int fd = open_processes(path, O_RDONLY);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
  int pid;
  while (file && fscanf(file, "%d", &pid) == 1) {
    if (pid <= 0) /* of another pid namespace; to kill() it would be our own group */
      continue;
    sb_grow(*pids, count, capacity, 64);
    (*pids)[count++] = pid;
  }
  if (file)
    fclose(file);
  else if (fd >= 0)
    close(fd);
  return count;
}

void sb_cgroup_remove(const char *path)
{
  rmdir(path);
}
