#ifndef SB_TREE_H
#define SB_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* What a supervisor and the server below it are known by when both specbench and the supervisor were killed. Every
 * process of the tree carries the supervisor's mark in its environment (SB_TREE_VARIABLE; marks of trees within trees
 * are joined by ':'), and a file named like the mark lies in a folder on disk while the tree lives. Where a control
 * group can be had the tree is in one as well; where not, a process that clears its environment is not found. Linux. */

#define SB_TREE_VARIABLE "SPECBENCH_TREE"

/* Names a process on this machine, since this boot, in this pid namespace, whoever gets its pid later. */
typedef struct sb_tree_mark {
  char text[96];
} sb_tree_mark;

/* The mark of the process; false where there is none of this pid. */
bool sb_tree_mark_of(pid_t pid, sb_tree_mark *mark);

/* SIGKILL to all processes that carry the mark, but for the caller, as sb_processes_kill says. */
size_t sb_tree_kill(const sb_tree_mark *mark);

/* Path of a tree's control group; "": it has none. */
typedef struct sb_tree_group {
  char path[4200];
} sb_tree_group;

/* Notes the tree in the folder, which is there, and makes its group, which the server is to enter (cgroup.h).
 * `program` is for whoever looks. */
int sb_tree_note(const char *folder, const sb_tree_mark *mark, const char *program, sb_tree_group *group,
                 sb_err *err);

/* Nothing is left of it. */
void sb_tree_strike(const char *folder, const sb_tree_mark *mark, const sb_tree_group *group);

/* What a folder's notes come to. */
typedef struct sb_tree_left {
  size_t ended;       /* processes that were sent SIGKILL by this call */
  size_t running;     /* processes that are still there: to be waited for, with further calls */
  pid_t pid;          /* one of them */
  char elsewhere[80]; /* "": another machine of which there are notes; only there its trees can be ended */
} sb_tree_left;

/* Ends every tree of the folder whose supervisor is gone; where one lives it is ending its own, because specbench is
 * gone. To be called while no other specbench uses the folder. Notes of trees of which nothing is left, and those from
 * before this machine's last start, are struck out. A folder that is not there has no notes. */
int sb_trees_end(const char *folder, sb_tree_left *left, sb_err *err);

#endif
