#ifndef SB_SIM_OPTIONS_H
#define SB_SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/faults.h"
#include "sim/k_table.h"

/* The command line of `specbench sim`. Strings point into argv. */

typedef struct sb_sim_options {
  const char *host, *profile, *profiles_dir, *method, *model, *task, *truth; /* NULL: not given */
  int64_t port, k, max_num_seqs, kv_tokens, max_num_batched_tokens, disable_by_batch_size;
  int64_t speculative_max_model_len, multi_step, seed, tokens_per_chunk;
  double scheduler_delay_factor, noise, speed, load_time_s, step_ms;
  bool allow_remote, chunked_prefill, per_request_acceptance, refuse_while_loading, flood, help;
  sb_sim_k_table k_by_batch_size;
  sb_sim_faults faults;
} sb_sim_options;

/* argv[0] is the subcommand's name. 0, or SB_EINVAL and the one line to print. */
int sb_sim_options_parse(sb_sim_options *options, int argc, char **argv, sb_err *err);

/* Prints --help to standard output. */
void sb_sim_options_help(void);

#endif
