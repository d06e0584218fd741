#ifndef SB_ACCEPTANCE_H
#define SB_ACCEPTANCE_H

#include "measure/record.h"

/* Draft acceptance as the answers themselves show it, where a chunk is what one step brought: a chunk of m
 * tokens had m - 1 draft tokens accepted, and the target's own token beside them. An answer's first chunk is
 * prefill's. A step that had no draft looks like one whose draft was refused. */

enum { SB_ACCEPTANCE_POSITIONS = 32 };

typedef struct sb_acceptance {
  double steps;           /* counts: chunks that brought tokens, answers' first ones apart */
  double accepted_tokens; /* in these */
  double whole_steps;     /* of the steps, those too far from their answer's end to be cut by it */
  double accepted[SB_ACCEPTANCE_POSITIONS]; /* of these: how many had position i, from 0, accepted */
} sb_acceptance;

/* k: tokens of a draft; positions from SB_ACCEPTANCE_POSITIONS on are left out. False where a completed request
 * does not tell its tokens chunk by chunk. */
bool sb_acceptance_measure(const sb_run *run, uint32_t k, sb_acceptance *acceptance);

#endif
