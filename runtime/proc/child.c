#include "proc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/handles.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "proc/processes.h"
#include "proc/supervisor.h"
#include "proc/tree.h"

struct sb_child {
  uv_process_t supervisor;
  uv_pipe_t control;
  sb_child_options options; /* callbacks, context and grace; the pointers of the start are not kept */
  char *name;               /* argv[0], for messages */
  sb_strbuf input;          /* read from the supervisor, not yet a whole line */
  char read_space[512];
  sb_tree_mark mark; /* "": unknown, for the supervisor ended at once */
  pid_t supervisor_pid;
  bool start_reported, exit_reported, end_reported;
  bool supervisor_gone, control_closed;
  bool freed;
  sb_handles handles;
};

static void destroy(void *context)
{
  sb_child *child = context;
  sb_strbuf_deinit(&child->input);
  free(child->name);
  free(child);
}

static void close_handles(sb_child *child)
{
  sb_handles_close(&child->handles, (uv_handle_t *)&child->supervisor);
  sb_handles_close(&child->handles, (uv_handle_t *)&child->control);
}

static void tell_started(sb_child *child, pid_t pid)
{
  child->start_reported = true;
  if (child->options.on_started)
    child->options.on_started(child, pid);
}

static void tell_failed(sb_child *child, int sys_errno, const char *text)
{
  sb_err err;
  sb_err_set(&err, SB_EIO, "%s", text);
  err.sys_errno = sys_errno;
  child->start_reported = child->exit_reported = true;
  if (child->options.on_failed)
    child->options.on_failed(child, &err);
}

static void tell_exit(sb_child *child, int code, int signal_number)
{
  child->exit_reported = true;
  if (child->options.on_exit)
    child->options.on_exit(child, code, signal_number);
}

static size_t list_session(const void *session, pid_t **pids)
{
  return sb_process_session(*(const pid_t *)session, pids);
}

/* Both the supervisor's exit and the end of its messages, which come in either order, must have been seen. */
static void maybe_finish(sb_child *child)
{
  if (!child->supervisor_gone || !child->control_closed)
    return;
  /* Only where the supervisor was killed: what it would have ended is found by its session, which a process leaves
   * by setsid alone, and by its mark. */
  if (!child->end_reported) {
    sb_processes_kill(list_session, &child->supervisor_pid);
    if (child->mark.text[0])
      sb_tree_kill(&child->mark);
  }
  close_handles(child);
  if (!child->start_reported) {
    char text[256];
    snprintf(text, sizeof text, "cannot start '%.150s': its supervisor ended too early", child->name);
    tell_failed(child, 0, text);
  } else if (!child->exit_reported) {
    tell_exit(child, 0, SIGKILL); /* by its parent-death signal */
  }
  if (child->options.on_ended)
    child->options.on_ended(child);
}

static void on_supervisor_exit(uv_process_t *process, int64_t code, int signal_number)
{
  sb_child *child = process->data;
  (void)code;
  (void)signal_number;
  child->supervisor_gone = true;
  maybe_finish(child);
}

static void on_line(sb_child *child, const char *line)
{
  int number, text_at = 0;
  if (sscanf(line, "started %d", &number) == 1)
    tell_started(child, number);
  else if (sscanf(line, "failed %d %n", &number, &text_at) == 1 && text_at)
    tell_failed(child, number, line + text_at);
  else if (sscanf(line, "exited %d", &number) == 1)
    tell_exit(child, number, 0);
  else if (sscanf(line, "signalled %d", &number) == 1)
    tell_exit(child, 0, number);
  else if (strcmp(line, "ended") == 0)
    child->end_reported = true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  sb_child *child = handle->data;
  (void)suggested;
  *buf = uv_buf_init(child->read_space, sizeof child->read_space);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
  sb_child *child = stream->data;
  if (size < 0) {
    uv_read_stop(stream);
    child->control_closed = true;
    maybe_finish(child);
    return;
  }
  sb_strbuf_append(&child->input, buf->base, (size_t)size);
  char *newline;
  while (child->input.size && (newline = memchr(child->input.data, '\n', child->input.size))) {
    *newline = '\0';
    on_line(child, child->input.data);
    sb_strbuf_consume(&child->input, (size_t)(newline - child->input.data) + 1);
  }
}

/* Bad working directories are found here because uv_spawn gives one ENOENT for all its causes. */
static int check_cwd(const char *cwd, sb_err *err)
{
  struct stat st;
  if (!cwd)
    return SB_OK;
  if (stat(cwd, &st))
    return sb_err_sys(err, errno, "cannot use working directory '%s'", cwd);
  if (!S_ISDIR(st.st_mode))
    return sb_err_sys(err, ENOTDIR, "cannot use working directory '%s'", cwd);
  if (access(cwd, X_OK))
    return sb_err_sys(err, errno, "cannot use working directory '%s'", cwd);
  return SB_OK;
}

/* This program by its path, because under valgrind the link leads to valgrind; by the link where the file was
 * replaced or removed since the start, which the kernel's " (deleted)" behind the path shows. */
static const char *this_program(char *path, size_t size)
{
  if (uv_exepath(path, &size) || access(path, X_OK))
    return "/proc/self/exe";
  return path;
}

static char **supervisor_argv(const sb_child_options *options, char *grace, char *trees, char *log_bytes,
                              char *log)
{
  size_t count = 0;
  while (options->argv[count])
    count++;
  char **argv = sb_calloc(count + 7, sizeof *argv);
  argv[0] = (char *)"specbench";
  argv[1] = (char *)SB_SUPERVISE;
  argv[2] = grace;
  argv[3] = trees;
  argv[4] = log_bytes;
  argv[5] = log;
  for (size_t i = 0; i < count; i++)
    argv[6 + i] = (char *)options->argv[i];
  return argv;
}

static int spawn(sb_child *child, uv_loop_t *loop, const sb_child_options *options, const char *exe, int log,
                 char *log_path, char *trees)
{
  char grace[16], log_bytes[24];
  snprintf(grace, sizeof grace, "%d", child->options.grace_ms);
  snprintf(log_bytes, sizeof log_bytes, "%" PRId64,
           options->log_bytes > 0 ? options->log_bytes : SB_CHILD_LOG_BYTES);
  char **argv = supervisor_argv(options, grace, trees, log_bytes, log_path);
  uv_stdio_container_t stdio[SB_SUPERVISOR_FD + 1] = { 0 };
  stdio[0].flags = UV_IGNORE;
  for (int fd = 1; fd <= 2; fd++) {
    stdio[fd].flags = log < 0 ? UV_IGNORE : UV_INHERIT_FD;
    stdio[fd].data.fd = log;
  }
  stdio[SB_SUPERVISOR_FD].flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE;
  stdio[SB_SUPERVISOR_FD].data.stream = (uv_stream_t *)&child->control;
  uv_process_options_t spawn_options = {
    .exit_cb = on_supervisor_exit,
    .file = exe,
    .args = argv,
    .env = (char **)(uintptr_t)options->env,
    .cwd = options->cwd,
    .stdio = stdio,
    .stdio_count = SB_SUPERVISOR_FD + 1,
  };
  uv_pipe_init(loop, &child->control, 0);
  int rc = uv_spawn(loop, &child->supervisor, &spawn_options);
  free(argv);
  child->supervisor.data = child->control.data = child;
  child->handles = sb_handles_of(child, 2, destroy);
  return rc;
}

/* The server may start in another folder: its supervisor needs the whole path. "" where there is none. */
static int find_trees(const char *folder, char *path, sb_err *err)
{
  path[0] = '\0';
  if (folder && ((mkdir(folder, 0777) && errno != EEXIST) || !realpath(folder, path)))
    return sb_err_sys(err, errno, "cannot use folder '%s'", folder);
  return SB_OK;
}

/* The descriptor, -1 where none is asked for, less on an error; the whole path, for a server may start in another
 * folder. A file that is no regular one, as /dev/null, is written as it is: it has no path. */
static int open_log(const char *log_path, char *path, sb_err *err)
{
  struct stat st;
  path[0] = '\0';
  if (!log_path)
    return -1;
  int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0644);
  if (log < 0) {
    sb_err_sys(err, errno, "cannot write log '%s'", log_path);
    return -2;
  }
  fcntl(log, F_SETFL, O_APPEND); /* O_NONBLOCK was for a pipe that nobody reads */
  if (fstat(log, &st) == 0 && S_ISREG(st.st_mode) && !realpath(log_path, path))
    path[0] = '\0';
  return log;
}

sb_child *sb_child_start(uv_loop_t *loop, const sb_child_options *options, sb_err *err)
{
  char trees[PATH_MAX], log_path[PATH_MAX];
  if (!options->argv || !options->argv[0]) {
    sb_err_set(err, SB_EINVAL, "no program to start: give at least the name of one");
    return NULL;
  }
  if (check_cwd(options->cwd, err) || find_trees(options->trees, trees, err))
    return NULL;
  int log = open_log(options->log_path, log_path, err);
  if (log < -1)
    return NULL;
  sb_child *child = sb_calloc(1, sizeof *child);
  child->name = sb_strdup(options->argv[0]);
  child->options = (sb_child_options){
    .grace_ms = options->grace_ms > 0 ? options->grace_ms : SB_CHILD_GRACE_MS,
    .on_started = options->on_started,
    .on_failed = options->on_failed,
    .on_exit = options->on_exit,
    .on_ended = options->on_ended,
    .context = options->context,
  };
  char path[PATH_MAX];
  const char *exe = this_program(path, sizeof path);
  int rc = spawn(child, loop, options, exe, log, log_path, trees);
  if (log >= 0)
    close(log);
  if (rc) {
    sb_err_sys(err, -rc, "cannot start the supervisor '%s' of '%s'", exe, options->argv[0]);
    child->freed = true;
    close_handles(child);
    sb_handles_drop(&child->handles);
    return NULL;
  }
  child->supervisor_pid = child->supervisor.pid;
  sb_log(SB_LOG_DEBUG, "spawn %s (supervisor %d)", child->name, (int)child->supervisor_pid);
  if (!sb_tree_mark_of(child->supervisor_pid, &child->mark))
    child->mark.text[0] = '\0';
  uv_read_start((uv_stream_t *)&child->control, on_alloc, on_read);
  return child;
}

/* Sent without libuv, whose writes raise SIGPIPE when the supervisor has just ended. A line is a few bytes and the
 * supervisor always reads, so the socket takes it whole; failure means that nothing is left to stop. */
void sb_child_stop(sb_child *child, int grace_ms)
{
  char line[32];
  uv_os_fd_t fd;
  sb_log(SB_LOG_DEBUG, "signal %s: stop", child->name);
  int size = snprintf(line, sizeof line, "stop %d\n", grace_ms < 0 ? child->options.grace_ms : grace_ms);
  if (!child->control_closed && uv_fileno((uv_handle_t *)&child->control, &fd) == 0)
    send(fd, line, (size_t)size, MSG_NOSIGNAL);
}

void *sb_child_context(const sb_child *child)
{
  return child->options.context;
}

pid_t sb_child_supervisor(const sb_child *child)
{
  return child->supervisor_pid;
}

void sb_child_free(sb_child *child)
{
  if (!child || child->freed)
    return;
  sb_child_stop(child, -1);
  child->freed = true;
  child->options.on_started = NULL;
  child->options.on_failed = NULL;
  child->options.on_exit = NULL;
  child->options.on_ended = NULL;
  sb_handles_drop(&child->handles);
}
