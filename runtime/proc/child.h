#ifndef SB_CHILD_H
#define SB_CHILD_H

#include <sys/types.h>
#include <uv.h>

#include "base/err.h"

/* A server and everything it starts, under a supervisor of its own (supervisor.h). All calls on the loop's
 * thread; all callbacks from the loop, never from inside a call, each at most once, any may be NULL:
 *
 *   on_started, later on_exit, later on_ended       or, where the server cannot be started,
 *   on_failed, later on_ended
 *
 * main() must route argv[1] == SB_SUPERVISE to sb_supervisor_main. */

typedef struct sb_child sb_child;

#define SB_CHILD_GRACE_MS 2000
#define SB_CHILD_LOG_BYTES ((int64_t)64 << 20)

typedef struct sb_child_options {
  const char *const *argv; /* NULL-terminated; argv[0] is searched in the PATH of `env` */
  const char *const *env;  /* the full environment, "NAME=value", NULL-terminated; NULL: inherit */
  const char *cwd;         /* NULL: inherit; a relative argv[0] is looked up from here */
  const char *log_path;    /* standard output and error are appended; NULL: /dev/null */
  int64_t log_bytes; /* of the log beyond which it becomes LOG.1, in place of an earlier one, and a new one
                                   begins; 0: SB_CHILD_LOG_BYTES */
  const char *trees; /* folder where the tree is noted while it lives (tree.h), made where it is not
                                   there; NULL: nowhere */
  int grace_ms;      /* SIGTERM to SIGKILL where no call says otherwise: specbench died, the
                                   server left processes behind, sb_child_free. 0: SB_CHILD_GRACE_MS */
  void (*on_started)(sb_child *child, pid_t pid);
  void (*on_failed)(sb_child *child, const sb_err *err);         /* one line that names the program */
  void (*on_exit)(sb_child *child, int code, int signal_number); /* the server itself; signal 0: exited */
  void (*on_ended)(sb_child *child);                             /* no process of it is left */
  void *context;                                                 /* sb_child_context */
} sb_child_options;

/* Starts the supervisor, which starts the server. The options are copied as far as they are needed later.
 * NULL and *err where the working directory, the log, the folder of trees or the supervisor is unusable. */
sb_child *sb_child_start(uv_loop_t *loop, const sb_child_options *options, sb_err *err);

/* SIGTERM to every process of the server, SIGKILL after grace_ms (0: at once; negative: the options' grace). May be
 * called again to shorten the grace; does nothing once all has ended. A process stuck in the kernel can delay
 * on_ended without limit: set a deadline of your own. */
void sb_child_stop(sb_child *child, int grace_ms);

void *sb_child_context(const sb_child *child);

/* The process above the server, whose descendants are all that it started. */
pid_t sb_child_supervisor(const sb_child *child);

/* Silences the callbacks and, where anything still runs, stops it with the options' grace. The memory goes
 * when the loop has seen the end; a loop that is abandoned earlier leaves no process behind, for the
 * supervisor takes the death of this program as a stop. NULL is allowed, and so is a call from a callback. */
void sb_child_free(sb_child *child);

#endif
