#include "proc/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"

typedef struct process {
  pid_t pid, parent, session;
  unsigned long long start;
  bool ended; /* a zombie */
} process;

typedef struct process_table {
  process *items;
  size_t count, capacity;
} process_table;

/* The command name stands in parentheses and may hold any byte, ')' too: the fields are read from the last
 * one on. */
static bool parse_stat(const char *text, process *p)
{
  const char *fields = strrchr(text, ')');
  int parent, session;
  char state;
  /* state, parent, session, and behind 15 others the start */
  static const char format[] =
      " %c %d %*d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu";
  if (!fields || sscanf(fields + 1, format, &state, &parent, &session, &p->start) != 4)
    return false;
  p->ended = state == 'Z' || state == 'X';
  p->parent = parent;
  p->session = session;
  return true;
}

static bool read_process(int proc_dir, const char *name, process *p)
{
  char *end, path[300], text[512];
  long pid = strtol(name, &end, 10);
  if (pid <= 0 || *end)
    return false;
  p->pid = (pid_t)pid;
  snprintf(path, sizeof path, "%s/stat", name);
  int fd = openat(proc_dir, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0)
    return false;
  text[n] = '\0';
  return parse_stat(text, p);
}

static process_table read_processes(void)
{
  process_table table = { 0 };
  DIR *dir = opendir("/proc");
  if (!dir)
    return table;
  struct dirent *entry;
  process p;
  while ((entry = readdir(dir))) {
    if (!read_process(dirfd(dir), entry->d_name, &p))
      continue;
    sb_grow(table.items, table.count, table.capacity, 256);
    table.items[table.count++] = p;
  }
  closedir(dir);
  return table;
}

static bool is_among(const pid_t *pids, size_t count, pid_t pid)
{
  for (size_t i = 0; i < count; i++)
    if (pids[i] == pid)
      return true;
  return false;
}

static size_t hand_over(process_table *table, pid_t *found, size_t count, pid_t **pids)
{
  free(table->items);
  if (!count) {
    free(found);
    found = NULL;
  }
  *pids = found;
  return count;
}

size_t sb_processes(pid_t **pids)
{
  process_table table = read_processes();
  pid_t *found = sb_calloc(table.count, sizeof *found);
  size_t count = 0;
  for (size_t i = 0; i < table.count; i++)
    if (!table.items[i].ended)
      found[count++] = table.items[i].pid;
  return hand_over(&table, found, count, pids);
}

unsigned long long sb_process_start(pid_t pid)
{
  char name[16];
  process p = { 0 };
  snprintf(name, sizeof name, "%d", (int)pid);
  int dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0)
    return 0;
  bool found = read_process(dir, name, &p);
  close(dir);
  return found && !p.ended ? p.start : 0;
}

size_t sb_process_descendants(pid_t root, pid_t **pids)
{
  process_table table = read_processes();
  pid_t *found = sb_calloc(table.count, sizeof *found);
  size_t count = 0, next = 0;
  pid_t parent = root;
  for (;;) {
    for (size_t i = 0; i < table.count; i++) {
      const process *p = &table.items[i];
      /* no pid enters twice, or a snapshot torn by reparenting could make a ring */
      if (p->parent == parent && p->pid != root && !is_among(found, count, p->pid))
        found[count++] = p->pid;
    }
    if (next == count)
      break;
    parent = found[next++];
  }
  return hand_over(&table, found, count, pids);
}

size_t sb_process_session(pid_t session, pid_t **pids)
{
  process_table table = read_processes();
  pid_t *found = sb_calloc(table.count, sizeof *found);
  size_t count = 0;
  for (size_t i = 0; i < table.count; i++)
    if (table.items[i].session == session)
      found[count++] = table.items[i].pid;
  return hand_over(&table, found, count, pids);
}

size_t sb_processes_kill(size_t (*list)(const void *of, pid_t **pids), const void *of)
{
  pid_t *pids, *before = NULL;
  size_t count, known = 0, killed = 0;
  bool fresh;
  do {
    count = list(of, &pids);
    fresh = false;
    for (size_t i = 0; i < count; i++)
      if (!is_among(before, known, pids[i])) {
        fresh = true;
        killed++;
        kill(pids[i], SIGKILL);
      }
    free(before);
    before = pids;
    known = count;
  } while (fresh);
  free(before);
  return killed;
}
