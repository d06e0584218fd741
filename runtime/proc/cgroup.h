#ifndef SB_CGROUP_H
#define SB_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A control group (version 2) of a server's own, where one can be had: below ours, which needs write access there (root,
 * a delegated slice, most containers). What is in it is found whatever it does to its session, its parent and its
 * environment. Only processes that are told to enter are in it, with all that they start. */

/* Makes the group `name`; false where none can be had. */
bool sb_cgroup_make(const char *name, char *path, size_t size);

/* Moves the calling process into it; where that fails it stays where it is. */
void sb_cgroup_enter(const char *path);

/* Whether `path` is a group, and of this name. */
bool sb_cgroup_is(const char *path, const char *name);

/* Its processes that can be seen from here; *pids is to be freed. */
size_t sb_cgroup_members(const char *path, pid_t **pids);

/* Removes it where it is empty. */
void sb_cgroup_remove(const char *path);

#endif
