#include "sim/virtual_trouble.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/strbuf.h"

const char sb_sim_trouble_given_up[] = "the server had stopped answering";

void sb_sim_trouble_fail(sb_sim_load *l, uint32_t index, sb_outcome outcome, const char *error)
{
  sb_record *record = &l->run->records[index];
  sb_sim_entry *e = &l->entries[index];
  const sb_sim_api_request *request = &e->admission.request;
  record->outcome = outcome;
  record->error = sb_strdup(error);
  record->t_done = l->server->now;
  if (e->tokens) {
    record->token_source = sb_sim_virtual_token_source(request);
    if (record->token_source == SB_TOKENS_CONTINUOUS_USAGE) {
      record->prompt_tokens = request->prompt_tokens;
      record->completion_tokens = e->tokens;
    }
  }
  sb_sim_virtual_settle(l, record, e);
  e->in_flight = false;
  l->done++;
}

void sb_sim_trouble_refuse(sb_sim_load *l, uint32_t index, int status, const char *message)
{
  sb_strbuf text = { 0 };
  sb_strbuf_printf(&text, "HTTP status %d: %s", status, message);
  sb_sim_virtual_begin_answer(&l->run->records[index], l->server->now);
  l->run->records[index].http_status = status;
  sb_sim_trouble_fail(l, index, SB_OUTCOME_HTTP, text.data);
  sb_strbuf_deinit(&text);
}

static void cancel(sb_sim_load *l, uint32_t index)
{
  sb_sim_engine_cancel(l->server->engine, sb_sim_virtual_engine_time(l->server), l->first_id + index);
}

/* The process is gone, and with it every connection. */
static void die(sb_sim_load *l, int status)
{
  l->server->exit_status = status;
  for (uint32_t i = 0; i < l->sent; i++) {
    if (!l->entries[i].in_flight)
      continue;
    cancel(l, i);
    bool begun = l->run->records[i].http_status != 0;
    sb_sim_trouble_fail(l, i, begun ? SB_OUTCOME_TRUNCATED : SB_OUTCOME_CONNECT,
                        begun ? "the connection ended before the answer was complete"
                              : "the server closed the connection without an answer");
  }
}

bool sb_sim_trouble_strike_first(sb_sim_load *l, uint32_t index, const sb_sim_fault *fault)
{
  sb_sim_virtual *s = l->server;
  switch (fault->kind) {
  case SB_SIM_FAULT_HTTP500:
    sb_sim_trouble_refuse(l, index, 500, "simulated fault: internal error");
    return true;
  case SB_SIM_FAULT_HTTP429: sb_sim_trouble_refuse(l, index, 429, "simulated fault: overloaded"); return true;
  case SB_SIM_FAULT_HTTP404: sb_sim_trouble_refuse(l, index, 404, "simulated fault: not found"); return true;
  case SB_SIM_FAULT_NOT_SSE:
    sb_sim_virtual_begin_answer(&l->run->records[index], s->now);
    sb_sim_trouble_fail(l, index, SB_OUTCOME_BODY,
                        "the answer is not an event stream (content type text/html)");
    return true;
  case SB_SIM_FAULT_DIE: die(l, fault->argument < 0 ? 1 : (int)fault->argument & 255); return true;
  case SB_SIM_FAULT_FREEZE:
    sb_sim_virtual_engine_time(s);
    s->stood_still += (int64_t)(fault->argument * (double)SB_NS_PER_S);
    return false;
  default: return false;
  }
}

void sb_sim_trouble_strike(sb_sim_load *l, uint32_t index)
{
  sb_sim_virtual *s = l->server;
  sb_record *record = &l->run->records[index];
  const sb_sim_entry *e = &l->entries[index];
  cancel(l, index);
  sb_sim_virtual_begin_answer(record, s->now);
  if (e->fault == SB_SIM_FAULT_ERROR_EVENT) {
    sb_sim_trouble_fail(l, index, SB_OUTCOME_EVENT,
                        "the server sent an error event: simulated fault: the engine failed");
    sb_timeline_reset(&record->others, record->t_send);
    sb_timeline_append(&record->others, s->now, record->timeline.chunks, true); /* [DONE] */
  } else if (e->fault == SB_SIM_FAULT_TRUNCATE) {
    sb_sim_trouble_fail(l, index, SB_OUTCOME_TRUNCATED,
                        "the connection ended before the answer was complete");
  }
}

static int64_t deadline_of(const sb_sim_load *l, uint32_t index)
{
  const sb_deadlines *d = &l->options->deadlines;
  const sb_record *record = &l->run->records[index];
  int64_t limit = record->timeline.chunks ? d->chunk_ns : d->first_token_ns;
  int64_t silent = limit ? l->entries[index].heard + limit : INT64_MAX;
  int64_t whole = d->request_ns ? record->t_send + d->request_ns : INT64_MAX;
  return silent < whole ? silent : whole;
}

uint32_t sb_sim_trouble_next(const sb_sim_load *l, int64_t *due)
{
  uint32_t first = l->sent;
  *due = INT64_MAX;
  for (uint32_t i = 0; l->server->options.faults.count && i < l->sent; i++)
    if (l->entries[i].in_flight && (first == l->sent || deadline_of(l, i) < *due)) {
      first = i;
      *due = deadline_of(l, i);
    }
  return first;
}

/* What is in flight ends, and what was not sent says why. */
static void give_up(sb_sim_load *l)
{
  char text[96];
  l->server->given_up = true;
  snprintf(text, sizeof text, "given up: %s", sb_sim_trouble_given_up);
  for (uint32_t i = 0; i < l->sent; i++)
    if (l->entries[i].in_flight) {
      cancel(l, i);
      sb_sim_trouble_fail(l, i, SB_OUTCOME_CANCELED, text);
    }
  snprintf(text, sizeof text, "not sent: %s", sb_sim_trouble_given_up);
  for (uint32_t i = l->sent; i < l->options->count; i++) {
    l->run->records[i].outcome = SB_OUTCOME_CANCELED;
    l->run->records[i].error = sb_strdup(text);
  }
  l->sent = l->done = l->options->count;
}

void sb_sim_trouble_expire(sb_sim_load *l, uint32_t index)
{
  const sb_deadlines *d = &l->options->deadlines;
  sb_record *record = &l->run->records[index];
  bool first = record->timeline.chunks == 0;
  int64_t limit = first ? d->first_token_ns : d->chunk_ns;
  char text[96];
  cancel(l, index);
  if (d->request_ns && l->server->now >= record->t_send + d->request_ns) {
    snprintf(text, sizeof text, "not complete after %.3g s (request timeout)", (double)d->request_ns / 1e9);
    sb_sim_trouble_fail(l, index, SB_OUTCOME_TIMEOUT, text);
    return;
  }
  const char *what = first ? "first token" : "chunk", *name = first ? "first-token" : "chunk";
  if (limit)
    snprintf(text, sizeof text, "no %s for %.3g s (%s timeout)", what, (double)limit / 1e9, name);
  else
    snprintf(text, sizeof text, "no %s for ever (no %s timeout)", what, name);
  sb_sim_trouble_fail(l, index, SB_OUTCOME_SILENCE, text);
  if (++l->silent >= SB_WATCH_SILENT_IN_ROW)
    give_up(l);
}
