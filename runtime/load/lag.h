#ifndef SB_LAG_H
#define SB_LAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/http.h"

/* How late the client itself was while a load ran: what its figures may owe to itself instead of the server.
 *
 * A timer is due every SB_LAG_PERIOD_NS. Its lag is its lateness less the time the loop spent, between due and
 * fired, on the batch of readinesses in hand: that work is the load's, and the stamp of those chunks was taken
 * before it. What is left is a blocked loop or a machine that gave the client no CPU. */

#define SB_LAG_PERIOD_NS (INT64_C(5) * 1000 * 1000)

typedef struct sb_lag sb_lag;

typedef struct sb_lag_summary {
  uint64_t samples;
  double p50_ms, p99_ms, max_ms; /* NaN without samples */
  double busy_max_ms; /* the most of a lag that the thread spent at work: held up by the client itself */
  double cpu_share;   /* CPU time of the loop's thread / wall time, 0 .. 1 */
  bool real_time;     /* the thread went before ordinary ones (realtime.h) */
} sb_lag_summary;

/* Starts measuring on the loop's thread. NULL where no timer is to be had. */
sb_lag *sb_lag_start(sb_loop *loop, sb_http *http, sb_err *err);

/* Ends measuring; the summary stays readable. Calling it again has no effect, nor has NULL. */
void sb_lag_stop(sb_lag *lag);

/* How long the thread was at work or waited for its turn since `since`, at most, in nanoseconds: what woke it in that
 * time was not kept waiting longer. INT64_MAX where it cannot be told: the kernel does not say (schedstat), or the
 * thread stood still otherwise (SIGSTOP). On the loop's thread; NULL: it cannot be told. */
int64_t sb_lag_held(sb_lag *lag, int64_t since);

/* Of NULL: no samples. */
void sb_lag_summarise(sb_lag *lag, sb_lag_summary *summary);

/* Stops and frees; NULL is ignored. */
void sb_lag_free(sb_lag *lag);

#endif
