#ifndef SB_IN_FLIGHT_H
#define SB_IN_FLIGHT_H

#include <stdint.h>

#include "measure/record.h"

/* How many requests were in flight (t_send <= t < t_done, whatever their outcome), and when. */
typedef struct sb_in_flight {
  double mean; /* over t_start .. t_end; NaN for an empty run */
  uint32_t most;
  /* The steady window: from the moment the number first reached the run's concurrency until it last fell
   * below. Short dips between an answer and the next send do not end it. 0, 0 where the target was never
   * reached or where there is none (open loop). */
  int64_t steady_from, steady_to;
} sb_in_flight;

void sb_in_flight_measure(const sb_run *run, sb_in_flight *in_flight);

#endif
