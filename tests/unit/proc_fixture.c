#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proc_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proc/tail.h"

static void on_started(sb_child *child, pid_t pid)
{
  fixture *f = sb_child_context(child);
  f->started++;
  f->pid = pid;
}

static void on_failed(sb_child *child, const sb_err *err)
{
  fixture *f = sb_child_context(child);
  f->failed++;
  f->failure = *err;
}

static void on_exit_of_server(sb_child *child, int code, int signal_number)
{
  fixture *f = sb_child_context(child);
  f->exited++;
  f->code = code;
  f->signal_number = signal_number;
}

static void on_ended(sb_child *child)
{
  ((fixture *)sb_child_context(child))->ended++;
}

static void on_tick(uv_timer_t *timer)
{
  fixture *f = timer->data;
  f->ticks++;
}

int set_up(void **state)
{
  static int number;
  fixture *f = sb_calloc(1, sizeof *f);
  uv_loop_init(&f->loop);
  uv_timer_init(&f->loop, &f->tick);
  f->tick.data = f;
  uv_timer_start(&f->tick, on_tick, POLL_MS, POLL_MS);
  ssize_t n = readlink("/proc/self/exe", f->exe, sizeof f->exe - 1);
  strcpy(f->directory, "sb-proc-XXXXXX");
  if (n <= 0 || !mkdtemp(f->directory))
    return -1;
  snprintf(f->log, sizeof f->log, "%s/log", f->directory);
  snprintf(f->mark, sizeof f->mark, "SB_TEST_MARK=%d.%d.", (int)getpid(), number++);
  snprintf(f->path, sizeof f->path, "PATH=%s", getenv("PATH"));
  f->env[0] = f->mark;
  f->env[1] = f->path;
  *state = f;
  return 0;
}

static bool has_mark(const char *pid, const char *mark)
{
  char path[300], text[65536];
  snprintf(path, sizeof path, "/proc/%s/environ", pid);
  int fd = open(path, O_RDONLY);
  if (fd < 0)
    return false;
  ssize_t n = read(fd, text, sizeof text);
  close(fd);
  return n > 0 && memmem(text, (size_t)n, mark, strlen(mark));
}

/* Zombies are not seen: they have no environment any more. */
int survivors(const fixture *f)
{
  int count = 0;
  struct dirent *entry;
  DIR *dir = opendir("/proc");
  assert_non_null(dir);
  while ((entry = readdir(dir)))
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_mark(entry->d_name, f->mark))
      count++;
  closedir(dir);
  return count;
}

bool log_has(const fixture *f, const char *text)
{
  sb_strbuf tail = { 0 };
  bool found = sb_log_tail(f->log, 0, 100, &tail, NULL) == 0 && tail.size && strstr(tail.data, text);
  sb_strbuf_deinit(&tail);
  return found;
}

int tear_down(void **state)
{
  fixture *f = *state;
  sb_child_free(f->child);
  uv_close((uv_handle_t *)&f->tick, NULL);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  int busy = uv_loop_close(&f->loop), left = survivors(f);
  unlink(f->log);
  rmdir(f->directory);
  free(f);
  return busy || left ? -1 : 0;
}

sb_child_options options_of(fixture *f, const char *const *argv)
{
  return (sb_child_options){
    .argv = argv,
    .env = f->env,
    .log_path = f->log,
    .on_started = on_started,
    .on_failed = on_failed,
    .on_exit = on_exit_of_server,
    .on_ended = on_ended,
    .context = f,
  };
}

void start_script(fixture *f, const char *script)
{
  const char *argv[] = { "sh", "-c", script, NULL };
  sb_child_options options = options_of(f, argv);
  f->child = sb_child_start(&f->loop, &options, &f->failure);
  if (!f->child)
    fail_msg("%s", f->failure.text);
}

void start_ready(fixture *f, const char *script)
{
  start_script(f, script);
  WAIT_FOR(f, f->ended || (f->started && log_has(f, "ready\n")));
  if (f->failed)
    fail_msg("%s", f->failure.text);
  assert_int_equal(f->ended, 0);
}
