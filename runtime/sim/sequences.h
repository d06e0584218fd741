#ifndef SB_SIM_SEQUENCES_H
#define SB_SIM_SEQUENCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "sim/engine.h"

/* The engine's requests: those that wait, first come, first served, and those that run, in admission order. */

typedef struct sb_sim_sequence {
  sb_sim_request request;
  sb_rng draws;
  int64_t eligible_ns;  /* arrives at the scheduler: submission plus the request's overhead */
  int32_t prefill_left; /* prompt tokens not computed yet; 0: decoding */
  int32_t chunk;        /* of them, computed by the step in progress */
  int32_t generated;
  int32_t brought;           /* by the step that just ended */
  int32_t drafted, accepted; /* draft tokens of that step */
  bool speculated;           /* has a draft in the step in progress */
  bool barred;               /* met a batch of disable_by_batch_size: no draft any more */
  bool gone;                 /* finished or cancelled; dropped at the next boundary */
} sb_sim_sequence;

typedef struct sb_sim_sequences {
  sb_sim_sequence *items;
  size_t count, capacity;
  size_t head; /* of a queue: the items before it have left */
} sb_sim_sequences;

/* Room for one more at the end; the caller fills it in. Pointers into the list are valid until then. */
sb_sim_sequence *sb_sim_sequences_push(sb_sim_sequences *list);

/* The same, for a queue: what has left its front makes room first. */
sb_sim_sequence *sb_sim_sequences_enqueue(sb_sim_sequences *queue);

/* The one whose turn it is; NULL: none waits. */
sb_sim_sequence *sb_sim_sequences_head(const sb_sim_sequences *queue);

/* Marks one of the queue as gone; its memory stays where it is until the next one is enqueued. */
void sb_sim_sequences_leave(sb_sim_sequences *queue, sb_sim_sequence *s);

/* From the head on; NULL where there is no live one of that id. */
sb_sim_sequence *sb_sim_sequences_find(const sb_sim_sequences *list, uint64_t id);

/* Removes those that are gone; the others keep their order. */
void sb_sim_sequences_drop_gone(sb_sim_sequences *list);

void sb_sim_sequences_free(sb_sim_sequences *list);

#endif
