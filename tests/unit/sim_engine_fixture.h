#ifndef SIM_ENGINE_FIXTURE_H
#define SIM_ENGINE_FIXTURE_H

#include <stdint.h>

#include "sim/engine.h"

/* An engine on a profile of made-up figures, and a log of all its events. */

extern sb_sim_profile profile;
extern sb_sim_event events[];
extern int event_count;

int fresh_profile(void **state); /* a test's setup: resets the profile, empties the log */
void set_acceptance(double probability);

sb_sim_engine *new_engine(sb_sim_config config); /* on the profile above */
void submit(sb_sim_engine *engine, int64_t now, uint64_t id, int prompt, int output);
void record(void *context, const sb_sim_event *event);

int64_t step(sb_sim_engine *engine); /* to the engine's next moment, which it returns */
void run_out(sb_sim_engine *engine); /* until it is idle */
sb_sim_counters counters_of(const sb_sim_engine *engine);
int64_t ms(double milliseconds); /* in ns */

#endif
