#ifndef SB_SIM_VIRTUAL_STATE_H
#define SB_SIM_VIRTUAL_STATE_H

#include "load/load.h"
#include "sim/admission.h"
#include "sim/options.h"
#include "sim/prom_page.h"
#include "sim/virtual.h"

/* What virtual.c, the load against it and its troubles share. */

struct sb_sim_virtual {
  char **argv; /* the options point into it */
  int argc;
  sb_sim_options options;
  sb_sim_profile profile;
  const char *model;
  sb_sim_engine *engine;
  int64_t now;         /* of the client's clock; the engine's is behind it by as long as it stood still */
  int64_t stood_still; /* frozen by a fault */
  int64_t engine_now;  /* the latest moment that the engine was told */
  uint64_t submitted;  /* requests so far: their ids */
  int64_t received;    /* requests that a fault could meet */
  int exit_status;     /* -1: it runs */
  bool given_up;       /* the last load */
  sb_sim_prom_page page;
};

/* A request of the load under way, beside its record. */
typedef struct sb_sim_entry {
  sb_sim_admission admission;
  int64_t draft_tokens, accepted_tokens;
  sb_sim_fault_kind fault; /* where break_after >= 0 */
  int32_t break_after;     /* tokens before the fault strikes; -1: never */
  int32_t tokens;          /* so far */
  int64_t heard;           /* when the last of them came; before the first, when it was sent */
  bool in_flight;
} sb_sim_entry;

typedef struct sb_sim_load {
  sb_sim_virtual *server;
  const sb_load_options *options;
  bool chat;
  sb_run *run;
  sb_sim_entry *entries;
  uint64_t first_id;
  uint32_t sent, done;
  sb_timeline *spare; /* memory that answers grew in, for those to come */
  uint32_t spare_count;
  uint32_t silent; /* requests that ended without a chunk in time since the server was last heard of */
  sb_strbuf text;
} sb_sim_load;

/* The engine's clock at this moment; while it is frozen, that of the freeze's begin. */
int64_t sb_sim_virtual_engine_time(sb_sim_virtual *server);

/* How the server counts tokens chunk by chunk, where it does. */
sb_token_source sb_sim_virtual_token_source(const sb_sim_api_request *request);

/* The first byte of an answer, with status 200, unless it was there before. */
void sb_sim_virtual_begin_answer(sb_record *record, int64_t now);

/* The text, the counts beside each other, the memory: of every request that ends. */
void sb_sim_virtual_settle(sb_sim_load *load, sb_record *record, const sb_sim_entry *entry);

#endif
