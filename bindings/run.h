#ifndef SBL_RUN_H
#define SBL_RUN_H

#include "measure/latency.h"
#include "measure/record.h"
#include "sbl.h"

/* A run of Lua's, the collector's to free. sb.measure makes its type, which has to be open. */
#define SBL_RUN_TYPE "specbench.run"

typedef struct sbl_run_box {
  sb_run *run;            /* NULL once it was */
  sb_latencies latencies; /* once a percentile was asked for */
  bool gathered;
} sbl_run_box;

/* Pushes a userdata that will own a run; returns where to put it, which comes first: then a lack of memory loses
 * none. */
sb_run **sbl_push_run(lua_State *L);

/* Says to the collector what the run on top of the stack weighs; what a binding returns. */
int sbl_give_run(lua_State *L, const sb_run *run);

/* The run at `index`; raises where there is none, or one that was collected: another finalizer may meet it. */
sb_run *sbl_check_run(lua_State *L, int index);
sbl_run_box *sbl_check_run_box(lua_State *L, int index);

/* What was gathered is out of date, or takes too much memory. */
void sbl_forget_latencies(sbl_run_box *box);

/* The type's __gc. */
int sbl_free_run(lua_State *L);

#endif
