#ifndef MEASURE_FIXTURE_H
#define MEASURE_FIXTURE_H

#include "measure/record.h"

/* Runs built by hand, in milliseconds since their start. */

int64_t fixture_at(double ms);

/* Fails the test where the two differ by more than rounding; NaN is near nothing. */
void fixture_near(double value, double expected);

/* Request i of the run, sent and done at these milliseconds, its tokens told by each chunk. */
sb_record *fixture_request(sb_run *run, uint32_t i, double send, double done);
void fixture_chunk(sb_record *record, double ms, uint32_t tokens, bool has_text);

/* Three completed requests and a failed one, two in flight. */
sb_run *fixture_small_run(void);

/* The same with something in every field that a file keeps, the largest there is in some. */
sb_run *fixture_full_run(void);

#endif
