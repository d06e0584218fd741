#ifndef SB_SIM_PROM_PAGE_H
#define SB_SIM_PROM_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "sim/engine.h"

/* GET /metrics: Prometheus text with the names and labels of vLLM's V1 engine, in the form Python's
 * prometheus_client writes (sorted labels, values as floats, a _created gauge beside each counter). */

typedef struct sb_sim_prom_page {
  const char *model;                        /* the served name */
  double created_s;                         /* when the counters began, seconds since 1970 */
  int k;                                    /* 0: the engine has no speculation counters at all */
  int64_t stopped, length_limited, aborted; /* requests by the way they ended */
} sb_sim_prom_page;

void sb_sim_prom_page_put(const sb_sim_prom_page *page, const sb_sim_counters *counters, sb_strbuf *out);

#endif
