#ifndef SB_SIM_K_TABLE_H
#define SB_SIM_K_TABLE_H

#include "base/err.h"

/* Draft tokens by the number of running requests, as vLLM V1 takes it: [[first, last, k], ...], first 1, in
 * rising order. A gap belongs to the range before it, and so does what lies beyond the last one. */

enum { SB_SIM_MAX_K_RANGES = 32 };

typedef struct sb_sim_k_table {
  int count; /* 0: no table */
  struct {
    int first, last, k;
  } ranges[SB_SIM_MAX_K_RANGES];
} sb_sim_k_table;

/* 0, or SB_EINVAL and what is wrong with the text. */
int sb_sim_k_table_parse(sb_sim_k_table *table, const char *text, sb_err *err);

/* The largest k of the table; 0 without one. */
int sb_sim_k_table_largest(const sb_sim_k_table *table);

/* `otherwise` without a table. */
int sb_sim_k_table_at(const sb_sim_k_table *table, int running, int otherwise);

#endif
