#ifndef SB_SIM_COMPLETIONS_H
#define SB_SIM_COMPLETIONS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "net/httpd.h"
#include "sim/driver.h"
#include "sim/faults.h"
#include "sim/profile.h"

/* The completions under way: takes HTTP requests into the engine, writes the engine's events to their
 * connections, keeps the truth log and the faults. */

typedef struct sb_sim_completions sb_sim_completions;

typedef struct sb_sim_completions_config {
  sb_sim_driver_config driver;           /* all but its callbacks */
  const sb_sim_profile *profile;         /* borrowed, as the strings are */
  const char *model, *task, *truth_path; /* truth_path NULL: no log */
  bool per_request_acceptance;           /* answers say it beside their usage */
  const sb_sim_faults *faults;
  const sb_httpd *httpd; /* whose backlog holds a flood back */
} sb_sim_completions_config;

sb_sim_completions *sb_sim_completions_new(sb_loop *loop, const sb_sim_completions_config *config,
                                           sb_err *err);

/* Ends what is under way in the truth log; the connections are the HTTP server's to drop, before or after. */
void sb_sim_completions_free(sb_sim_completions *completions);

/* POST /v1/chat/completions (chat) or /v1/completions. */
void sb_sim_completions_request(sb_sim_completions *completions, sb_httpd_conn *conn,
                                const sb_httpd_parser *request, bool chat);

/* The HTTP server's callbacks of the same name, for connections whose user pointer is set. */
void sb_sim_completions_abort(sb_sim_completions *completions, sb_httpd_conn *conn);
void sb_sim_completions_drain(sb_sim_completions *completions, sb_httpd_conn *conn);

/* Appends the page of GET /metrics. */
void sb_sim_completions_metrics(const sb_sim_completions *completions, sb_strbuf *out);

#endif
