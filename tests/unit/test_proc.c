/* Servers under their supervisors, with real processes: shell scripts stand in for the servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proc_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proc/cgroup.h"
#include "proc/processes.h"
#include "proc/supervisor.h"
#include "proc/tail.h"

#define LONG_GRACE_MS 600000

/* A worker that has left its parent, its session and its process group. */
#define DAEMON "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 600; done' & "
#define DOUBLE_FORK "( " DAEMON ") & wait $!; "

static void sigterm_is_honoured_and_the_exit_reported(void **state)
{
  fixture *f = *state;
  start_ready(f, "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
  assert_true(f->pid > 0);
  assert_true(survivors(f) >= 2);
  sb_child_stop(f->child, LONG_GRACE_MS);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->exited, 1);
  assert_int_equal(f->code, 7);
  assert_int_equal(f->signal_number, 0);
  assert_true(log_has(f, "bye\n"));
  assert_int_equal(survivors(f), 0);
}

static void a_server_that_ignores_sigterm_is_killed_after_the_grace(void **state)
{
  fixture *f = *state;
  start_ready(f, "trap 'echo asked' TERM; echo ready; while :; do sleep 600 & wait $!; done");
  sb_child_stop(f->child, 1000);
  WAIT_FOR(f, log_has(f, "asked\n"));
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->signal_number, SIGKILL);
  assert_int_equal(survivors(f), 0);
}

static void a_kill_cuts_a_long_grace_short(void **state)
{
  fixture *f = *state;
  start_ready(f, "trap '' TERM; echo ready; while :; do sleep 600; done");
  sb_child_stop(f->child, LONG_GRACE_MS);
  sb_child_stop(f->child, 0);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->signal_number, SIGKILL);
}

static void processes_that_left_the_session_are_ended_too(void **state)
{
  fixture *f = *state;
  start_ready(f, DOUBLE_FORK DAEMON "sleep 0.2; echo ready; while :; do sleep 600; done");
  WAIT_FOR(f, survivors(f) >= 7); /* supervisor, server, its sleep, two workers with a sleep each */
  sb_child_stop(f->child, 100);
  WAIT_FOR(f, f->ended);
  assert_int_equal(survivors(f), 0);
}

static void stopping_twice_and_after_the_end_is_harmless(void **state)
{
  fixture *f = *state;
  start_ready(f, "echo ready; exec sleep 600");
  sb_child_stop(f->child, LONG_GRACE_MS);
  sb_child_stop(f->child, LONG_GRACE_MS);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->signal_number, SIGTERM);
  sb_child_stop(f->child, 100);
  sb_child_stop(f->child, 0);
  assert_int_equal(f->exited, 1);
  assert_int_equal(f->ended, 1);
}

static void a_server_that_dies_at_start_is_seen_with_its_code_and_last_words(void **state)
{
  fixture *f = *state;
  start_script(f, "echo loading; echo 'no GPU found' >&2; exit 3");
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->started, 1);
  assert_int_equal(f->exited, 1);
  assert_int_equal(f->code, 3);
  sb_strbuf tail = { 0 };
  assert_int_equal(sb_log_tail(f->log, 0, 1, &tail, NULL), 0);
  assert_string_equal(tail.data, "no GPU found\n");
  sb_strbuf_deinit(&tail);
}

static void a_server_that_exits_by_itself_leaves_no_descendants(void **state)
{
  fixture *f = *state;
  start_script(f, DOUBLE_FORK DAEMON "sleep 0.2; exit 5");
  WAIT_FOR(f, f->exited);
  assert_int_equal(f->code, 5);
  WAIT_FOR(f, f->ended);
  assert_int_equal(survivors(f), 0);
}

static void expect_no_start(fixture *f, const char *const *argv, const char *named, const char *hint)
{
  sb_child_options options = options_of(f, argv);
  f->child = sb_child_start(&f->loop, &options, &f->failure);
  assert_non_null(f->child);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->failed, 1);
  assert_int_equal(f->started + f->exited, 0);
  assert_int_equal(f->failure.sys_errno, ENOENT);
  assert_non_null(strstr(f->failure.text, named));
  assert_non_null(strstr(f->failure.text, hint));
  assert_null(strchr(f->failure.text, '\n'));
}

static void a_missing_program_is_named(void **state)
{
  const char *argv[] = { "/no/such/vllm", "serve", NULL };
  expect_no_start(*state, argv, "'/no/such/vllm'", "No such file");
}

/* It goes through the lines that supervisor and specbench exchange. */
static void a_name_of_several_lines_is_told_in_one(void **state)
{
  const char *argv[] = { "/no/such\nended\nvllm", NULL };
  expect_no_start(*state, argv, "'/no/such ended vllm'", "No such file");
}

static void a_program_that_is_not_on_path_is_said_so(void **state)
{
  const char *argv[] = { "no-such-llm-server", NULL };
  expect_no_start(*state, argv, "'no-such-llm-server'", "PATH");
}

static void a_missing_interpreter_is_said_so(void **state)
{
  fixture *f = *state;
  char path[PATH_MAX + 16];
  const char script[] = "#!/no/such/python\n", *argv[] = { path, NULL };
  snprintf(path, sizeof path, "%s/server", f->directory);
  int fd = open(path, O_WRONLY | O_CREAT, 0755);
  assert_int_equal(write(fd, script, sizeof script - 1), (ssize_t)sizeof script - 1);
  close(fd);
  expect_no_start(f, argv, path, "interpreter");
  unlink(path);
}

static void expect_refused(fixture *f, sb_child_options options, const char *named)
{
  assert_null(sb_child_start(&f->loop, &options, &f->failure));
  assert_non_null(strstr(f->failure.text, named));
}

static void bad_options_are_refused_by_name(void **state)
{
  fixture *f = *state;
  const char *argv[] = { "sh", "-c", "exit 0", NULL }, *nothing[] = { NULL };
  sb_child_options good = options_of(f, argv), bad = good;
  bad.cwd = "/no/such/folder";
  expect_refused(f, bad, "/no/such/folder");
  bad.cwd = "/dev/null";
  expect_refused(f, bad, "/dev/null");
  bad = good;
  bad.log_path = "/no/such/folder/log";
  expect_refused(f, bad, "/no/such/folder/log");
  bad = good;
  bad.argv = nothing;
  expect_refused(f, bad, "no program");
}

static void environment_directory_log_and_clean_descriptors_arrive(void **state)
{
  fixture *f = *state;
  char real[PATH_MAX], expected[PATH_MAX + 8];
  int leaked = dup2(STDERR_FILENO, 200);
  const char *argv[] = { "sh", "-c",
                         "echo \"gpu=$CUDA_VISIBLE_DEVICES home=${HOME-unset}\"; echo \"cwd=$(pwd -P)\" >&2; "
                         "[ -e /proc/$$/fd/3 ] || [ -e /proc/$$/fd/200 ] || echo clean; "
                         "grep SigBlk /proc/self/status; grep SigIgn /proc/self/status",
                         NULL };
  sb_child_options options = options_of(f, argv);
  f->env[2] = "CUDA_VISIBLE_DEVICES=3";
  options.cwd = f->directory;
  assert_non_null(realpath(f->directory, real));
  f->child = sb_child_start(&f->loop, &options, &f->failure);
  assert_non_null(f->child);
  WAIT_FOR(f, f->ended);
  close(leaked);
  snprintf(expected, sizeof expected, "cwd=%s\n", real);
  assert_true(log_has(f, "gpu=3 home=unset\n"));
  assert_true(log_has(f, expected));
  assert_true(log_has(f, "clean\n"));
  assert_true(log_has(f, "SigBlk:\t0000000000000000\n"));
  assert_true(log_has(f, "SigIgn:\t0000000000000000\n"));
}

static void freeing_while_running_leaves_nothing(void **state)
{
  fixture *f = *state;
  start_ready(f, DOUBLE_FORK "echo ready; while :; do sleep 600; done");
  sb_child_free(f->child);
  f->child = NULL;
  WAIT_FOR(f, survivors(f) == 0);
  assert_int_equal(f->exited + f->ended, 0); /* silenced */
}

static void freeing_before_the_start_is_reported_leaves_nothing(void **state)
{
  fixture *f = *state;
  start_script(f, "trap '' TERM; while :; do sleep 600; done");
  sb_child_stop(f->child, 0);
  sb_child_free(f->child);
  f->child = NULL;
  WAIT_FOR(f, survivors(f) == 0);
  assert_int_equal(f->started + f->failed, 0);
}

static void free_on_ended(sb_child *child)
{
  fixture *f = sb_child_context(child);
  f->ended++;
  f->child = NULL;
  sb_child_free(child);
}

static void freeing_in_the_last_callback_is_allowed(void **state)
{
  fixture *f = *state;
  const char *argv[] = { "true", NULL };
  sb_child_options options = options_of(f, argv);
  options.on_ended = free_on_ended;
  f->child = sb_child_start(&f->loop, &options, &f->failure);
  assert_non_null(f->child);
  WAIT_FOR(f, f->ended);
  assert_null(f->child);
}

static pid_t supervisor_of(const fixture *f)
{
  char path[64], line[256];
  int parent = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)f->pid);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "PPid: %d", &parent) == 1)
      break;
  fclose(file);
  assert_true(parent > 1);
  return parent;
}

/* A second specbench, to be killed: runs the script as its server. */
static pid_t fork_specbench(fixture *f, const char *script)
{
  pid_t specbench = fork();
  assert_true(specbench >= 0);
  if (specbench == 0) {
    uv_loop_t loop;
    const char *argv[] = { "sh", "-c", script, NULL };
    sb_child_options options = options_of(f, argv);
    options.grace_ms = 100;
    if (uv_loop_init(&loop) == 0 && sb_child_start(&loop, &options, NULL))
      uv_run(&loop, UV_RUN_DEFAULT);
    _exit(1);
  }
  WAIT_FOR(f, log_has(f, "ready\n"));
  return specbench;
}

static void a_killed_specbench_leaves_nothing(void **state)
{
  fixture *f = *state;
  pid_t specbench = fork_specbench(f, DOUBLE_FORK "echo ready; trap '' TERM; while :; do sleep 600; done");
  WAIT_FOR(f, survivors(f) >= 5);
  kill(specbench, SIGKILL);
  assert_int_equal(waitpid(specbench, NULL, 0), specbench);
  WAIT_FOR(f, survivors(f) == 0);
}

static void a_server_does_not_outlive_both_specbench_and_supervisor(void **state)
{
  fixture *f = *state;
  pid_t specbench = fork_specbench(f, "echo ready; exec sleep 600"), *pids;
  size_t count = sb_process_descendants(specbench, &pids);
  assert_int_equal(count, 2);
  kill(pids[0], SIGSTOP); /* cannot act on specbench's death */
  kill(specbench, SIGKILL);
  kill(pids[0], SIGKILL);
  free(pids);
  assert_int_equal(waitpid(specbench, NULL, 0), specbench);
  WAIT_FOR(f, survivors(f) == 0);
}

static void a_killed_supervisor_takes_its_tree_along(void **state)
{
  fixture *f = *state;
  start_ready(f, DAEMON "sh -c 'trap \"\" TERM; sleep 600' & echo ready; while :; do sleep 600; done");
  kill(supervisor_of(f), SIGKILL);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->exited, 1);
  assert_int_equal(f->signal_number, SIGKILL);
  WAIT_FOR(f, survivors(f) == 0);
}

static void signals_to_the_supervisor_are_survived_and_sigterm_stops(void **state)
{
  fixture *f = *state;
  start_ready(f, "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  pid_t supervisor = supervisor_of(f);
  assert_int_equal(getsid(supervisor), supervisor);
  assert_int_not_equal(getpgid(f->pid), getpgid(supervisor));
  kill(supervisor, SIGINT);
  kill(supervisor, SIGHUP);
  kill(supervisor, SIGTERM);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->signal_number, 0);
  assert_true(log_has(f, "bye\n"));
}

static void descendants_are_listed_parents_first(void **state)
{
  fixture *f = *state;
  start_ready(f, "sh -c 'echo ready; while :; do sleep 600; done' & wait");
  pid_t supervisor = supervisor_of(f), *pids;
  size_t count;
  WAIT_FOR(f, survivors(f) == 4);
  count = sb_process_descendants(supervisor, &pids);
  assert_int_equal(count, 3);
  assert_int_equal(pids[0], f->pid);
  free(pids);
  count = sb_process_session(supervisor, &pids);
  assert_int_equal(count, 4);
  free(pids);
  sb_child_stop(f->child, 0);
  WAIT_FOR(f, f->ended);
  assert_int_equal(sb_process_descendants(supervisor, &pids), 0);
  assert_null(pids);
}

/* The log's text; "" where there is none. */
static void read_log(const fixture *f, const char *behind, sb_strbuf *text)
{
  sb_strbuf path = { 0 };
  sb_strbuf_printf(&path, "%s%s", f->log, behind);
  sb_strbuf_clear(text);
  if (sb_log_tail(path.data, 0, SIZE_MAX, text, NULL))
    sb_strbuf_puts(text, "");
  unlink(path.data);
  sb_strbuf_deinit(&path);
}

static void a_log_that_is_full_is_moved_aside_between_two_lines(void **state)
{
  fixture *f = *state;
  const char *argv[] = {
    "sh", "-c", "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo \"line $i of the log\"; done; printf end",
    NULL
  };
  sb_child_options options = options_of(f, argv);
  options.log_bytes = 3000;
  f->child = sb_child_start(&f->loop, &options, NULL);
  WAIT_FOR(f, f->exited);
  sb_strbuf now = { 0 }, before = { 0 };
  read_log(f, "", &now);
  read_log(f, ".1", &before);
  assert_true(before.size >= 3000 && before.size < 4000);
  assert_true(now.size < 4000);
  /* the last line is there when the exit is told; nothing is lost where the two meet */
  assert_string_equal(now.data + now.size - 4, "end\n");
  const char *note =
      strstr(now.data, " bytes before this are in the file of the same name with .1 behind it]\nline ");
  assert_non_null(note);
  int last = 0, first = 0;
  assert_int_equal(before.data[before.size - 1], '\n');
  before.data[before.size - 1] = '\0';
  assert_int_equal(sscanf(strrchr(before.data, '\n') + 1, "line %d of", &last), 1);
  assert_int_equal(sscanf(strstr(note, "\nline ") + 1, "line %d of", &first), 1);
  assert_int_equal(first, last + 1);
  WAIT_FOR(f, f->ended);
  sb_strbuf_deinit(&now);
  sb_strbuf_deinit(&before);
}

static void a_flood_of_lines_holds_up_neither_server_nor_stop(void **state)
{
  fixture *f = *state;
  const char *argv[] = { "sh", "-c", "echo ready; exec yes 'a line of a server that does not stop talking'",
                         NULL };
  sb_child_options options = options_of(f, argv);
  options.log_bytes = 100000;
  f->child = sb_child_start(&f->loop, &options, NULL);
  sb_strbuf before = { 0 };
  do {
    WAIT_FOR(f, f->started);
    uv_run(&f->loop, UV_RUN_ONCE);
    read_log(f, ".1", &before);
  } while (!before.size);
  sb_child_stop(f->child, LONG_GRACE_MS);
  WAIT_FOR(f, f->ended);
  assert_int_equal(f->signal_number, SIGTERM);
  read_log(f, ".1", &before);
  sb_strbuf_deinit(&before);
}

/* The kernel writes 0 for a process of another pid namespace, which to kill() means the caller's own group. */
static void a_groups_members_are_those_that_can_be_seen(void **state)
{
  (void)state;
  char folder[] = "sb-group-XXXXXX", file[sizeof folder + 16];
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/cgroup.procs", folder);
  FILE *list = fopen(file, "w");
  assert_non_null(list);
  fputs("0\n4711\n0\n4712\n", list);
  fclose(list);
  pid_t *pids;
  assert_int_equal(sb_cgroup_members(folder, &pids), 2);
  assert_int_equal(pids[0], 4711);
  assert_int_equal(pids[1], 4712);
  free(pids);
  unlink(file);
  rmdir(folder);
}

static void the_supervisor_refuses_to_be_started_by_hand(void **state)
{
  fixture *f = *state;
  sb_strbuf command = { 0 };
  sb_strbuf_printf(&command, "'%s' " SB_SUPERVISE " 100 '' 0 '' true 3<&- 2>'%s'", f->exe, f->log);
  int status = system(command.data);
  sb_strbuf_deinit(&command);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 2);
  assert_true(log_has(f, "not by hand\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], SB_SUPERVISE) == 0)
    return sb_supervisor_main(argc, argv);
  const struct CMUnitTest tests[] = {
    TEST(sigterm_is_honoured_and_the_exit_reported),
    TEST(a_server_that_ignores_sigterm_is_killed_after_the_grace),
    TEST(a_kill_cuts_a_long_grace_short),
    TEST(processes_that_left_the_session_are_ended_too),
    TEST(a_log_that_is_full_is_moved_aside_between_two_lines),
    TEST(a_flood_of_lines_holds_up_neither_server_nor_stop),
    TEST(stopping_twice_and_after_the_end_is_harmless),
    TEST(a_server_that_dies_at_start_is_seen_with_its_code_and_last_words),
    TEST(a_server_that_exits_by_itself_leaves_no_descendants),
    TEST(a_missing_program_is_named),
    TEST(a_name_of_several_lines_is_told_in_one),
    TEST(a_program_that_is_not_on_path_is_said_so),
    TEST(a_missing_interpreter_is_said_so),
    TEST(bad_options_are_refused_by_name),
    TEST(environment_directory_log_and_clean_descriptors_arrive),
    TEST(freeing_while_running_leaves_nothing),
    TEST(freeing_before_the_start_is_reported_leaves_nothing),
    TEST(freeing_in_the_last_callback_is_allowed),
    TEST(a_killed_specbench_leaves_nothing),
    TEST(a_server_does_not_outlive_both_specbench_and_supervisor),
    TEST(a_killed_supervisor_takes_its_tree_along),
    TEST(signals_to_the_supervisor_are_survived_and_sigterm_stops),
    TEST(descendants_are_listed_parents_first),
    TEST(a_groups_members_are_those_that_can_be_seen),
    TEST(the_supervisor_refuses_to_be_started_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
