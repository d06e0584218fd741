#ifndef SB_SIM_PACER_H
#define SB_SIM_PACER_H

#include <stdint.h>

#include "sim/engine.h"

/* Fixed pacing in the place of the engine, for benches of the client: at every whole multiple of the step
 * every live request gets the same number of tokens (at the last step what is left). Pure, like the engine,
 * whose functions these mirror: (state, now) -> (events, next time). No queue, no speculation. */

typedef struct sb_sim_pacer sb_sim_pacer;

sb_sim_pacer *sb_sim_pacer_new(int64_t step_ns, int32_t tokens_per_step);
void sb_sim_pacer_free(sb_sim_pacer *pacer);
void sb_sim_pacer_submit(sb_sim_pacer *pacer, int64_t now, const sb_sim_request *request);
void sb_sim_pacer_cancel(sb_sim_pacer *pacer, uint64_t id);

/* The next step with a live request; INT64_MAX while idle. */
int64_t sb_sim_pacer_next(const sb_sim_pacer *pacer);

/* Runs the step due at `now`, if there is one. Of grid points gone by only the latest is kept: a server that is
 * behind does not make steps up. on_event may submit and cancel. */
void sb_sim_pacer_advance(sb_sim_pacer *pacer, int64_t now, sb_sim_event_fn on_event, void *context);

void sb_sim_pacer_counters(const sb_sim_pacer *pacer, sb_sim_counters *counters);

#endif
