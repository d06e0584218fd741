#ifndef PROC_FIXTURE_H
#define PROC_FIXTURE_H

#include <limits.h>
#include <stdbool.h>

#include "proc/child.h"

/* What each test of runtime/proc stands on: a loop, a folder with the server's log, counters of the callbacks
 * and a mark in the environment of all processes of the test, so that a survivor is found wherever it went.
 * cmocka's headers must be included before this one. */

#define POLL_MS 10
#define GIVE_UP_MS 120000 /* far beyond any slow machine: reached only when something hangs */

typedef struct fixture {
  uv_loop_t loop;
  uv_timer_t tick;
  int ticks;
  char exe[PATH_MAX];
  char directory[PATH_MAX];
  char log[PATH_MAX + 16];
  char mark[64], path[PATH_MAX];
  const char *env[4];
  sb_child *child;
  int started, failed, exited, ended;
  int code, signal_number;
  pid_t pid;
  sb_err failure;
} fixture;

/* cmocka's setup and teardown; the teardown fails where a process or a handle is left. */
int set_up(void **state);
int tear_down(void **state);

/* Living processes of this test, its supervisor among them. */
int survivors(const fixture *f);

bool log_has(const fixture *f, const char *text);

/* Options with the fixture's environment, log, supervisor and callbacks. */
sb_child_options options_of(fixture *f, const char *const *argv);

/* Starts a shell script as the server; start_ready also waits until it has written the line "ready". */
void start_script(fixture *f, const char *script);
void start_ready(fixture *f, const char *script);

/* Runs the loop until the condition holds. */
#define WAIT_FOR(f, condition)                                \
  do {                                                        \
    (f)->ticks = 0;                                           \
    while (!(condition) && (f)->ticks < GIVE_UP_MS / POLL_MS) \
      uv_run(&(f)->loop, UV_RUN_ONCE);                        \
    assert_true(condition);                                   \
  } while (0)

#endif
