#include "proc/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "proc/cgroup.h"
#include "proc/processes.h"
#include "proc/relay.h"
#include "proc/tree.h"

#define KILL_AGAIN_MS 10 /* first wait before SIGKILL is repeated; doubles */
#define KILL_AGAIN_MAX_MS 320

typedef struct supervisor {
  int control; /* -1 once specbench is gone */
  int signals;
  pid_t server;
  bool server_gone;
  bool stopping;
  int64_t deadline; /* while stopping: when SIGKILL replaces patience, ns */
  int kill_again_ms;
  int64_t grace_ms;
  sb_relay relay; /* what the server writes */
  sb_tree_mark mark;
  sb_tree_group group;
  char line[64]; /* the unfinished line read from the control socket */
  size_t line_size;
} supervisor;

__attribute__((format(printf, 2, 3))) static void report(supervisor *s, const char *format, ...)
{
  char text[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text - 1, format, args);
  va_end(args);
  if (s->control < 0 || n < 0)
    return;
  size_t size = (size_t)n < sizeof text - 1 ? (size_t)n : sizeof text - 2;
  for (size_t i = 0; i < size; i++)
    if (text[i] == '\n') /* of a program's name: it would end the line */
      text[i] = ' ';
  text[size++] = '\n';
  send(s->control, text, size,
       MSG_NOSIGNAL); /* failure: specbench is gone, which the next read shows as well */
}

/* In the child between fork and exec. */
__attribute__((noreturn)) static void become_server(pid_t parent, const supervisor *s, char **command,
                                                    int error_pipe)
{
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0);
  /* For the case that the supervisor itself is killed; asked again because it may be gone already. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(127);
  if (s->group.path[0])
    sb_cgroup_enter(s->group.path);
  sb_relay_enter(&s->relay);
  execvp(command[0], command);
  int error = errno;
  if (write(error_pipe, &error, sizeof error) != sizeof error)
    _exit(126);
  _exit(127);
}

static void report_failed_exec(supervisor *s, const char *path, int error)
{
  const char *hint = "";
  if (error == ENOENT && !strchr(path, '/'))
    hint = "; is it installed and on PATH?";
  else if (error == ENOENT && access(path, F_OK) == 0)
    hint = "; the file is there, so the interpreter that its first line names is missing";
  report(s, "failed %d cannot start '%.200s': %s%s", error, path, strerror(error), hint);
}

/* The pipe closes by itself when exec succeeds, so that failure is told apart from a server that exits. */
static bool start_server(supervisor *s, char **command)
{
  int error_pipe[2], error = 0;
  pid_t self = getpid();
  if (pipe2(error_pipe, O_CLOEXEC) || (s->server = fork()) < 0) {
    error = errno;
    report(s, "failed %d cannot start '%.200s': %s", error, command[0], strerror(error));
    return false;
  }
  if (s->server == 0)
    become_server(self, s, command, error_pipe[1]);
  close(error_pipe[1]);
  sb_relay_begin(&s->relay);
  ssize_t n;
  do
    n = read(error_pipe[0], &error, sizeof error);
  while (n < 0 && errno == EINTR);
  close(error_pipe[0]);
  if (n == (ssize_t)sizeof error) {
    waitpid(s->server, NULL, 0);
    report_failed_exec(s, command[0], error);
    return false;
  }
  report(s, "started %d", (int)s->server);
  return true;
}

/* What finds the tree once supervisor and specbench were killed: on disk before there is a server. */
static bool mark_tree(supervisor *s, const char *folder, const char *program)
{
  sb_err err;
  if (!sb_tree_mark_of(getpid(), &s->mark)) {
    report(s, "failed 0 cannot start '%.200s': /proc cannot be read", program);
    return false;
  }
  const char *outer = getenv(SB_TREE_VARIABLE);
  sb_strbuf marks = { 0 };
  sb_strbuf_printf(&marks, "%s%s%s", outer ? outer : "", outer ? ":" : "", s->mark.text);
  int failed = setenv(SB_TREE_VARIABLE, marks.data, 1) ? errno : 0;
  sb_strbuf_deinit(&marks);
  if (failed) { /* nobody would find what it starts */
    report(s, "failed %d cannot start '%.200s': %s", failed, program, strerror(failed));
    return false;
  }
  if (*folder && sb_tree_note(folder, &s->mark, program, &s->group, &err)) {
    report(s, "failed %d cannot start '%.200s': %s", err.sys_errno, program, err.text);
    return false;
  }
  return true;
}

static void signal_descendants(int number)
{
  pid_t *pids;
  size_t count = sb_process_descendants(getpid(), &pids);
  for (size_t i = 0; i < count; i++)
    kill(pids[i], number);
  free(pids);
}

static void stop(supervisor *s, int64_t grace_ms)
{
  int64_t deadline = sb_clock_now() + grace_ms * SB_NS_PER_MS;
  if (!s->stopping || deadline < s->deadline)
    s->deadline = deadline;
  if (!s->stopping && grace_ms > 0)
    signal_descendants(SIGTERM);
  s->stopping = true;
}

/* Returns whether any child is left. A subreaper without children has no descendants either. */
static bool reap(supervisor *s)
{
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
    if (pid != s->server)
      continue;
    s->server_gone = true;
    sb_relay_drain(&s->relay); /* its last words are in the log before its end is told */
    if (WIFSIGNALED(status))
      report(s, "signalled %d", WTERMSIG(status));
    else
      report(s, "exited %d", WEXITSTATUS(status));
  }
  return pid == 0;
}

static void read_signals(supervisor *s)
{
  struct signalfd_siginfo info;
  while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
    if (info.ssi_signo == SIGTERM)
      stop(s, s->grace_ms);
}

static void obey(supervisor *s, const char *line)
{
  int grace_ms;
  if (sscanf(line, "stop %d", &grace_ms) == 1 && grace_ms >= 0)
    stop(s, grace_ms);
}

static void read_control(supervisor *s)
{
  char text[256];
  ssize_t n = recv(s->control, text, sizeof text, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    close(s->control);
    s->control = -1;
    stop(s, s->grace_ms);
    return;
  }
  for (ssize_t i = 0; i < n; i++) {
    if (text[i] == '\n') {
      s->line[s->line_size] = '\0';
      obey(s, s->line);
      s->line_size = 0;
    } else if (s->line_size < sizeof s->line - 1) {
      s->line[s->line_size++] = text[i];
    }
  }
}

/* How long poll may sleep; past the deadline this is also where SIGKILL is sent, again and again, because a
 * process may have been forked after the snapshot of its generation. */
static int next_wait(supervisor *s)
{
  if (!s->stopping)
    return -1;
  int64_t left = s->deadline - sb_clock_now();
  if (left > 0) {
    int64_t ms = left / SB_NS_PER_MS + 1;
    return ms < 60000 ? (int)ms : 60000;
  }
  signal_descendants(SIGKILL);
  int wait = s->kill_again_ms;
  if (s->kill_again_ms < KILL_AGAIN_MAX_MS)
    s->kill_again_ms *= 2;
  return wait;
}

static void supervise(supervisor *s)
{
  while (reap(s)) {
    if (s->server_gone && !s->stopping)
      stop(s, s->grace_ms);
    struct pollfd fds[] = { { .fd = s->signals, .events = POLLIN },
                            { .fd = s->control, .events = POLLIN },
                            { .fd = sb_relay_source(&s->relay), .events = POLLIN } };
    if (poll(fds, sizeof fds / sizeof *fds, next_wait(s)) <= 0)
      continue;
    if (fds[0].revents)
      read_signals(s);
    if (fds[1].revents)
      read_control(s);
    if (fds[2].revents)
      sb_relay_pass(&s->relay);
  }
  sb_relay_drain(&s->relay);
}

static int wrong_use(void)
{
  fputs("specbench: error: '" SB_SUPERVISE "' is started by specbench itself, not by hand\n", stderr);
  return 2;
}

int sb_supervisor_main(int argc, char **argv)
{
  int type;
  socklen_t type_size = sizeof type;
  char *end;
  if (argc < 7 || getsockopt(SB_SUPERVISOR_FD, SOL_SOCKET, SO_TYPE, &type, &type_size))
    return wrong_use();
  long grace_ms = strtol(argv[2], &end, 10);
  if (*end || end == argv[2] || grace_ms < 0)
    return wrong_use();
  long long log_bytes = strtoll(argv[4], &end, 10);
  if (*end || end == argv[4] || log_bytes < 0)
    return wrong_use();
  char **command = argv + 6;

  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGHUP);
  sigprocmask(SIG_BLOCK, &watched, NULL);
  setsid();
  closefrom(SB_SUPERVISOR_FD + 1);
  fcntl(SB_SUPERVISOR_FD, F_SETFD, FD_CLOEXEC);

  supervisor s = { .control = SB_SUPERVISOR_FD, .kill_again_ms = KILL_AGAIN_MS, .grace_ms = grace_ms };
  s.signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
  if (s.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) || sb_relay_open(&s.relay, argv[5], log_bytes)) {
    report(&s, "failed %d cannot supervise '%.200s': %s", errno, command[0], strerror(errno));
    return 0;
  }
  if (mark_tree(&s, argv[3], command[0]) && start_server(&s, command))
    supervise(&s);
  if (*argv[3])
    sb_tree_strike(argv[3], &s.mark, &s.group);
  report(&s, "ended");
  return 0;
}
