#ifndef SB_DECOMPOSE_H
#define SB_DECOMPOSE_H

#include <stdbool.h>

#include "measure/record.h"

/* Why a speed-up is what it is: output_throughput's ratio as a product of three factors, each from figures of
 * its own.
 *
 * A run of concurrency b that lasts D seconds has b D seconds of streams. Of them a share passes outside
 * decoding: waiting for the first token (queueing and prefill), stalled while others are prefilled, and idle
 * (ramp-up, drain, the client between two requests). In the rest each decode step of `step_ms` brings a
 * stream `tokens_per_step` tokens:
 *
 *   tokens a second = b (1 - waiting - stalled - idle) tokens_per_step / step_ms x (all tokens / those of
 *                     decode steps; the first ones come from prefill)
 *
 * - tokens_per_step is the engine's: 1 + accepted / drafts by its counters; 1 without speculation.
 * - step_ms is the timelines': the mean gap between two chunks of a stream during which no other request's
 *   first token arrived. Where a chunk is not a step, it is the gap per token times tokens_per_step.
 * - waiting, stalled (what the other gaps have beyond step_ms) and idle are shares of b D by the clock.
 *
 * speed-up = tokens x step x rest x unexplained, where unexplained is what is left: tokens accepted beyond an
 * answer's end, chunks that merged, an engine whose counters saw other requests too. */

typedef struct sb_decode_side {
  double tokens_per_step;
  double step_ms;
  double waiting, stalled, idle; /* shares of the streams' time */
  double first_tokens;           /* all tokens / tokens of decode steps */
} sb_decode_side;

/* false where the run cannot tell (tokens not known chunk by chunk, no completed request, no undisturbed
 * gap of any length; an open loop has no b). */
bool sb_decode_side_measure(const sb_run *run, double tokens_per_step, bool chunk_is_step,
                            sb_decode_side *side);

typedef struct sb_decomposition {
  double tokens, step, rest; /* the three factors */
  double product, measured;  /* measured: output_throughput's ratio */
  double unexplained;        /* measured / product */
} sb_decomposition;

void sb_decompose(const sb_decode_side *baseline, const sb_decode_side *method, double measured,
                  sb_decomposition *result);

#endif
