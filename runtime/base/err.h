#ifndef SB_ERR_H
#define SB_ERR_H

/* How the runtime reports failure: a function returns 0 or a negative sb_code and, where the caller passed an
 * sb_err, says what went wrong in one line that a user can act on ("what, where, what to do"). */

typedef enum sb_code {
  SB_OK = 0,
  SB_EINVAL = -1, /* the caller's argument is unusable */
  SB_ENOMEM = -2,
  SB_EIO = -3,    /* a file or socket operation failed; sys_errno says which way */
  SB_EPARSE = -4, /* the input is not what it should be */
  SB_ETIMEOUT = -5,
  SB_ESTATE = -6 /* the object is not in a state that allows the call */
} sb_code;

typedef struct sb_err {
  sb_code code;
  int sys_errno;  /* 0 where errno plays no part */
  char text[256]; /* one line without control characters (spaces stand for them), always terminated */
} sb_err;

/* Fills *err (which may be NULL) and returns code, so that a failing function ends with
 * `return sb_err_set(err, SB_EPARSE, "...")`. */
int sb_err_set(sb_err *err, sb_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends ": " and the text of sys_errno. */
int sb_err_sys(sb_err *err, int sys_errno, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A short lower-case name for a code ("timeout"); never NULL. */
const char *sb_code_name(sb_code code);

#endif
