#include "proc/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proc/cgroup.h"
#include "proc/processes.h"

/* The first line of a file in /proc, or what a link there points to, cut to the space. */
static bool read_word(const char *path, char *word, size_t size)
{
  ssize_t n = readlink(path, word, size - 1);
  if (n < 0) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, word, size - 1);
    if (fd >= 0)
      close(fd);
  }
  if (n <= 0)
    return false;
  word[n] = '\0';
  word[strcspn(word, "\n")] = '\0';
  return true;
}

/* "BOOT.NAMESPACE": the machine since its last start, and whose pids they are. */
static bool read_place(char *place, size_t size)
{
  char boot[64], space[64];
  if (!read_word("/proc/sys/kernel/random/boot_id", boot, sizeof boot) ||
      !read_word("/proc/self/ns/pid", space, sizeof space))
    return false;
  snprintf(place, size, "%.8s.%lu", boot, strtoul(space + strcspn(space, "0123456789"), NULL, 10));
  return true;
}

bool sb_tree_mark_of(pid_t pid, sb_tree_mark *mark)
{
  char place[48];
  unsigned long long start = sb_process_start(pid);
  if (!start || !read_place(place, sizeof place))
    return false;
  snprintf(mark->text, sizeof mark->text, "%s.%d.%llu", place, (int)pid, start);
  return true;
}

/* Whether one of the marks in the variable's value is this one. */
static bool has_mark(const char *value, const char *mark)
{
  size_t size = strlen(mark);
  for (const char *at = value; (at = strstr(at, mark)); at += size)
    if ((at == value || at[-1] == ':') && (at[size] == '\0' || at[size] == ':'))
      return true;
  return false;
}

static bool carries(pid_t pid, const char *mark, sb_strbuf *environment)
{
  static const char name[] = SB_TREE_VARIABLE "=";
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  sb_strbuf_clear(environment);
  ssize_t n;
  while ((n = read(fd, sb_strbuf_reserve(environment, 4096), 4096)) > 0)
    environment->size += (size_t)n;
  close(fd);
  sb_strbuf_append(environment, "", 1);
  for (size_t at = 0; at + 1 < environment->size; at += strlen(environment->data + at) + 1)
    if (!strncmp(environment->data + at, name, sizeof name - 1))
      return has_mark(environment->data + at + sizeof name - 1, mark);
  return false;
}

/* Processes that carry the mark, but for the caller and those that have ended; *pids is to be freed. */
static size_t members(const sb_tree_mark *mark, pid_t **pids)
{
  pid_t *all, self = getpid();
  size_t count = sb_processes(&all), found = 0;
  sb_strbuf environment = { 0 };
  for (size_t i = 0; i < count; i++)
    if (all[i] != self && carries(all[i], mark->text, &environment))
      all[found++] = all[i];
  sb_strbuf_deinit(&environment);
  *pids = all;
  return found;
}

static size_t list_marked(const void *mark, pid_t **pids)
{
  return members(mark, pids);
}

size_t sb_tree_kill(const sb_tree_mark *mark)
{
  return sb_processes_kill(list_marked, mark);
}

typedef struct tree {
  const sb_tree_mark *mark;
  const sb_tree_group *group;
} tree;

/* Who carries the mark or is in the group. */
static size_t list_tree(const void *of, pid_t **pids)
{
  const tree *t = of;
  pid_t *grouped;
  size_t count = members(t->mark, pids), marked = count, others = sb_cgroup_members(t->group->path, &grouped);
  *pids = sb_realloc(*pids, (count + others) * sizeof **pids);
  for (size_t i = 0; i < others; i++) {
    bool known = false;
    for (size_t k = 0; k < marked; k++)
      known = known || (*pids)[k] == grouped[i];
    if (!known)
      (*pids)[count++] = grouped[i];
  }
  free(grouped);
  return count;
}

static void path_of(char *path, size_t size, const char *folder, const char *mark)
{
  snprintf(path, size, "%s/%s", folder, mark);
}

static void name_group(char *name, size_t size, const sb_tree_mark *mark)
{
  snprintf(name, size, "specbench-%s", mark->text);
}

int sb_tree_note(const char *folder, const sb_tree_mark *mark, const char *program, sb_tree_group *group,
                 sb_err *err)
{
  char path[PATH_MAX], name[sizeof mark->text + 16], host[HOST_NAME_MAX + 1] = "";
  path_of(path, sizeof path, folder, mark->text);
  gethostname(host, sizeof host - 1);
  name_group(name, sizeof name, mark);
  if (!sb_cgroup_make(name, group->path, sizeof group->path))
    group->path[0] = '\0';
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  int rc = fd < 0 || dprintf(fd, "host %s\ngroup %s\nprogram %s\n", host, group->path, program) < 0
               ? sb_err_sys(err, errno, "cannot note a server in '%s'", folder)
               : SB_OK;
  if (fd >= 0)
    close(fd);
  return rc;
}

void sb_tree_strike(const char *folder, const sb_tree_mark *mark, const sb_tree_group *group)
{
  char path[PATH_MAX];
  path_of(path, sizeof path, folder, mark->text);
  unlink(path);
  if (group->path[0])
    sb_cgroup_remove(group->path);
}

/* A note may be anybody's: a pipe or a device, which might never end, is none. */
static FILE *open_note(const char *path)
{
  struct stat found;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  FILE *file = fd >= 0 && !fstat(fd, &found) && S_ISREG(found.st_mode) ? fdopen(fd, "r") : NULL;
  if (!file && fd >= 0)
    close(fd);
  return file;
}

/* What stands behind a word at the beginning of a line of the note; "" where it does not. */
static void read_field(const char *path, const char *word, char *value, size_t size)
{
  char line[sizeof(sb_tree_group) + 16];
  FILE *file = open_note(path);
  value[0] = '\0';
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    if (!strncmp(line, word, strlen(word)))
      snprintf(value, size, "%.*s", (int)size - 1, line + strlen(word));
  }
  if (file)
    fclose(file);
}

/* Only a group that bears the tree's name is its group. */
static void read_group(const char *folder, const sb_tree_mark *mark, sb_tree_group *group)
{
  char path[PATH_MAX], name[sizeof mark->text + 16];
  path_of(path, sizeof path, folder, mark->text);
  name_group(name, sizeof name, mark);
  read_field(path, "group ", group->path, sizeof group->path);
  if (!sb_cgroup_is(group->path, name))
    group->path[0] = '\0';
}

/* The mark is one of this machine's, since its last start: pid and start follow its place. */
static void end_tree(const char *folder, const sb_tree_mark *mark, pid_t supervisor, sb_tree_left *left)
{
  sb_tree_mark living;
  sb_tree_group group;
  pid_t *pids;
  if (sb_tree_mark_of(supervisor, &living) && !strcmp(living.text, mark->text)) {
    left->running++;
    left->pid = supervisor;
    return;
  }
  read_group(folder, mark, &group);
  const tree of = { mark, &group };
  left->ended += sb_processes_kill(list_tree, &of);
  size_t count = list_tree(&of, &pids);
  if (count) {
    left->running += count;
    left->pid = pids[0];
  } else {
    sb_tree_strike(folder, mark, &group);
  }
  free(pids);
}

static void consider(const char *folder, const char *name, const char *place, const char *self,
                     sb_tree_left *left)
{
  sb_tree_mark mark;
  char path[PATH_MAX], host[sizeof left->elsewhere];
  size_t size = strlen(place);
  if (name[0] == '.' || strlen(name) >= sizeof mark.text)
    return;
  snprintf(mark.text, sizeof mark.text, "%s", name);
  if (!strncmp(name, place, size) && name[size] == '.') {
    long supervisor = strtol(name + size + 1, NULL, 10);
    if (supervisor > 0 && supervisor <= INT_MAX)
      end_tree(folder, &mark, (pid_t)supervisor, left);
    return;
  }
  path_of(path, sizeof path, folder, name);
  read_field(path, "host ", host, sizeof host);
  if (!strcmp(host, self) && strncmp(name, place, strcspn(place, "."))) /* it was started again since then */
    unlink(path);
  else if (host[0])
    snprintf(left->elsewhere, sizeof left->elsewhere, "%s", host);
}

int sb_trees_end(const char *folder, sb_tree_left *left, sb_err *err)
{
  char place[48], host[HOST_NAME_MAX + 1] = "";
  *left = (sb_tree_left){ 0 };
  DIR *dir = opendir(folder);
  if (!dir)
    return errno == ENOENT ? SB_OK : sb_err_sys(err, errno, "cannot list %s", folder);
  gethostname(host, sizeof host - 1);
  host[sizeof left->elsewhere - 1 < sizeof host - 1 ? sizeof left->elsewhere - 1 : sizeof host - 1] = '\0';
  struct dirent *entry;
  if (read_place(place, sizeof place))
    while ((entry = readdir(dir)))
      consider(folder, entry->d_name, place, host, left);
  closedir(dir);
  return SB_OK;
}
