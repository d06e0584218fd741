#ifndef SB_SIM_FAULTS_H
#define SB_SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Ways in which the simulated server misbehaves on purpose, so that clients can be tested against them. */

typedef enum sb_sim_fault_kind {
  SB_SIM_FAULT_HTTP500,
  SB_SIM_FAULT_HTTP429,
  SB_SIM_FAULT_HTTP404,     /* refused with that status */
  SB_SIM_FAULT_NOT_SSE,     /* 200 and a page of HTML */
  SB_SIM_FAULT_TRUNCATE,    /* the connection breaks after ARG tokens */
  SB_SIM_FAULT_ERROR_EVENT, /* an error in the stream after ARG tokens */
  SB_SIM_FAULT_SILENCE,     /* nothing more comes after ARG tokens; the connection stays */
  SB_SIM_FAULT_SHORT,       /* the answer stops after ARG tokens, as if it had come to its end */
  SB_SIM_FAULT_NO_USAGE,    /* a stream tells nothing of usage */
  SB_SIM_FAULT_WRONG_USAGE, /* the usage counts ARG tokens too many (as many again) */
  SB_SIM_FAULT_DIE,         /* the process exits with status ARG (1) */
  SB_SIM_FAULT_FREEZE,      /* the whole server stands still for ARG seconds */
  SB_SIM_FAULT_NEVER_READY  /* loading never ends */
} sb_sim_fault_kind;

typedef struct sb_sim_fault {
  sb_sim_fault_kind kind;
  int64_t at; /* the completion request that meets it, from 1; 0: every one */
  double
      percent; /* of requests that meet it, chosen by their bodies: the same ones after a restart; 0: by `at` */
  double argument; /* -1: not given (half of the answer, for those that count tokens) */
} sb_sim_fault;

enum { SB_SIM_MAX_FAULTS = 16 };

typedef struct sb_sim_faults {
  sb_sim_fault list[SB_SIM_MAX_FAULTS];
  int count;
} sb_sim_faults;

/* Adds one written as KIND[@N|%P][:ARG]. */
int sb_sim_faults_add(sb_sim_faults *faults, const char *text, sb_err *err);

/* The first fault that request number n (from 1) with this body meets; NULL: none. */
const sb_sim_fault *sb_sim_faults_find(const sb_sim_faults *faults, int64_t n, const char *body, size_t size);

/* After how many tokens of an answer of this length it strikes; -1: not amid an answer. fault may be NULL. */
int32_t sb_sim_fault_break_after(const sb_sim_fault *fault, int32_t output_tokens);

bool sb_sim_faults_never_ready(const sb_sim_faults *faults);

#endif
