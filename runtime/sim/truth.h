#ifndef SB_SIM_TRUTH_H
#define SB_SIM_TRUTH_H

#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "net/loop.h"
#include "sim/engine.h"

/* What the simulator really did, for judging a client's measurements: JSON lines, one a completion request,
 * written when it ends. Times are CLOCK_MONOTONIC nanoseconds; a chunk is [when its step ended, when its
 * bytes were in the kernel, tokens]. README.md beside this file lists the fields. */

typedef struct sb_sim_truth sb_sim_truth;

typedef struct sb_sim_truth_chunk {
  int64_t due_ns, written_ns;
  int32_t tokens;
} sb_sim_truth_chunk;

/* A request's record while it runs: zero-initialise; sb_sim_truth_add takes its memory over. */
typedef struct sb_sim_truth_record {
  char request_id[128]; /* as the client sent it; "" where it sent none */
  int64_t t_recv_ns, t_end_ns;
  int status;      /* HTTP status */
  const char *end; /* static: "stop", "length", "abort", "fault", "refused", "shutdown" */
  int64_t prompt_tokens, output_tokens;
  sb_sim_truth_chunk *chunks;
  size_t count, capacity;
} sb_sim_truth_record;

/* Creates or truncates the file; NULL where it cannot. */
sb_sim_truth *sb_sim_truth_open(sb_loop *loop, const char *path, sb_err *err);

/* Writes what is pending and closes. NULL is ignored. */
void sb_sim_truth_close(sb_sim_truth *truth);

void sb_sim_truth_chunk_add(sb_sim_truth_record *record, int64_t due_ns, int32_t tokens);

/* Stamps every chunk that has no written time yet. */
void sb_sim_truth_written(sb_sim_truth_record *record, int64_t now);

/* Takes an ended request's record, with the engine's counters at that moment; cheap, for it is formatted and written
 * once the loop has nothing else to do at this moment. truth may be NULL. */
void sb_sim_truth_add(sb_sim_truth *truth, sb_sim_truth_record *record, const sb_sim_counters *counters);

/* Does so now: before the process ends, say. */
void sb_sim_truth_write(sb_sim_truth *truth);

#endif
