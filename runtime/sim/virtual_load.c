#include "sim/virtual_load.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/virtual_state.h"
#include "sim/virtual_trouble.h"

/* The value of a header among "Name: value" lines; NULL where it is not there. */
static const char *header(const char *const *headers, const char *name)
{
  size_t size = strlen(name);
  for (; headers && *headers; headers++)
    if (!strncasecmp(*headers, name, size) && (*headers)[size] == ':')
      return *headers + size + 1 + strspn(*headers + size + 1, " \t");
  return NULL;
}

static void send_next(sb_sim_load *l)
{
  sb_sim_virtual *s = l->server;
  uint32_t index = l->sent++;
  const sb_load_request *request = &l->options->requests[index];
  sb_record *record = &l->run->records[index];
  sb_sim_entry *e = &l->entries[index];
  record->t_send = s->now;
  record->t_intended = l->options->arrivals_ns ? l->run->t_start + l->options->arrivals_ns[index] : s->now;
  if (l->spare_count)
    record->timeline = l->spare[--l->spare_count];
  sb_timeline_reset(&record->timeline, s->now);
  e->in_flight = true;
  e->heard = s->now;
  const sb_sim_fault *fault = s->options.faults.count ? sb_sim_faults_find(&s->options.faults, ++s->received,
                                                                           request->body, request->body_size)
                                                      : NULL;
  if (s->exit_status >= 0) {
    sb_sim_trouble_fail(l, index, SB_OUTCOME_CONNECT, "the connection was refused");
    return;
  }
  if (fault && sb_sim_trouble_strike_first(l, index, fault))
    return;
  const sb_sim_incoming incoming = {
    .chat = l->chat,
    .body = request->body,
    .size = request->body_size,
    .prompt_tokens = header(request->headers, sb_sim_prompt_tokens_header),
    .task = header(request->headers, sb_sim_task_header),
  };
  sb_sim_api_error error = { 0 };
  if (sb_sim_admission_read(&e->admission, &s->profile, s->model, s->options.task, (uint64_t)s->options.seed,
                            &incoming, &error)) {
    sb_sim_trouble_refuse(l, index, error.status, error.message);
    return;
  }
  sb_sim_admission_bend(&e->admission, fault);
  e->break_after = sb_sim_fault_break_after(fault, e->admission.output_tokens);
  e->fault = fault ? fault->kind : 0;
  const sb_sim_admission *a = &e->admission;
  sb_sim_request entered = { .id = l->first_id + index,
                             .prompt_tokens = (int32_t)a->request.prompt_tokens,
                             .output_tokens = a->output_tokens,
                             .task = a->task,
                             .seed = a->seed };
  if (sb_sim_engine_submit(s->engine, sb_sim_virtual_engine_time(s), &entered))
    sb_sim_trouble_refuse(l, index, 400, "the prompt and its answer can never fit into the KV cache");
}

static bool may_send(const sb_sim_load *l)
{
  uint32_t in_flight = l->sent - l->done;
  return l->sent < l->options->count && (!l->options->concurrency || in_flight < l->options->concurrency);
}

static int64_t next_arrival(const sb_sim_load *l)
{
  if (!may_send(l))
    return INT64_MAX;
  if (!l->options->arrivals_ns)
    return l->server->now;
  int64_t due = l->run->t_start + l->options->arrivals_ns[l->sent];
  return due > l->server->now ? due : l->server->now;
}

/* What the answer's usage told, and its text. */
static void finish(sb_sim_load *l, sb_record *record, const sb_sim_entry *e)
{
  const sb_sim_admission *a = &e->admission;
  bool stopped = !strcmp(a->finish_reason, "stop");
  *(stopped ? &l->server->page.stopped : &l->server->page.length_limited) += 1;
  record->finish = stopped ? SB_FINISH_STOP : SB_FINISH_LENGTH;
  if (a->request.include_usage) {
    record->prompt_tokens = a->request.prompt_tokens;
    record->completion_tokens = a->output_tokens + a->usage_excess;
    if (l->server->options.per_request_acceptance && l->server->page.k > 0) {
      record->draft_tokens = e->draft_tokens;
      record->accepted_tokens = e->accepted_tokens;
    }
  }
  record->token_source = sb_sim_virtual_token_source(&a->request);
  sb_sim_virtual_settle(l, record, e);
}

static void on_event(void *context, const sb_sim_event *event)
{
  sb_sim_load *l = context;
  uint64_t index = event->id - l->first_id;
  sb_record *record = &l->run->records[index];
  sb_sim_entry *e = &l->entries[index];
  int64_t now = l->server->now = event->due_ns + l->server->stood_still;
  if (e->break_after >= 0 && e->tokens + event->tokens > e->break_after) {
    sb_sim_trouble_strike(l, (uint32_t)index);
  } else {
    sb_sim_virtual_begin_answer(record, now);
    l->silent = 0;
    e->heard = now;
    bool told = sb_sim_virtual_token_source(&e->admission.request) != SB_TOKENS_UNKNOWN;
    sb_timeline_append(&record->timeline, now, told ? (uint32_t)event->tokens : 0, true);
    e->tokens += event->tokens;
    e->draft_tokens += event->draft_tokens;
    e->accepted_tokens += event->accepted_tokens;
    if (event->last) {
      record->t_done = now;
      sb_timeline_reset(&record->others, record->t_send);
      sb_timeline_append(&record->others, now, record->timeline.chunks, true); /* [DONE] */
      finish(l, record, e);
      e->in_flight = false;
      l->done++;
    }
  }
  while (!l->options->arrivals_ns && may_send(l))
    send_next(l);
}

static void run(sb_sim_load *l)
{
  sb_sim_virtual *s = l->server;
  while (l->done < l->options->count) {
    int64_t due, arrival = next_arrival(l), step = sb_sim_engine_next(s->engine);
    uint32_t index = sb_sim_trouble_next(l, &due);
    int64_t event = step == INT64_MAX ? step : step + s->stood_still;
    if (arrival <= event && arrival <= due && arrival != INT64_MAX) {
      s->now = arrival;
      send_next(l);
    } else if (event <= due && event != INT64_MAX) {
      s->now = event;
      s->engine_now = step;
      sb_sim_engine_advance(s->engine, step, on_event, l);
    } else {
      s->now = due == INT64_MAX ? s->now : due;
      sb_sim_trouble_expire(l, index);
    }
  }
}

sb_run *sb_sim_virtual_load(sb_sim_virtual *s, const sb_load_options *options, sb_err *err)
{
  if (!options->count || (!options->concurrency && !options->arrivals_ns)) {
    sb_err_set(err, SB_EINVAL, "a load needs requests, and a concurrency or arrivals");
    return NULL;
  }
  sb_sim_load l = { .server = s,
                    .options = options,
                    .run = sb_run_new(options->count),
                    .entries = sb_calloc(options->count, sizeof *l.entries),
                    .spare = sb_calloc(options->count, sizeof *l.spare),
                    .first_id = s->submitted + 1 };
  const char *path = strstr(options->url, "/v1/");
  l.chat = path && !strcmp(path, "/v1/chat/completions");
  s->submitted += options->count;
  s->given_up = false;
  l.run->chat = l.chat;
  l.run->t_start = l.run->wall_anchor_ns = l.run->clock_anchor_ns = s->now;
  l.run->concurrency = options->arrivals_ns ? 0 : options->concurrency;
  l.run->clock_scale = 1.0;
  for (uint32_t i = 0; i < options->count; i++) {
    l.run->records[i].prompt_id = options->requests[i].prompt_id;
    l.run->records[i].data_prompt_tokens = options->requests[i].prompt_tokens;
    l.run->records[i].max_tokens = options->requests[i].max_tokens;
  }
  run(&l);
  l.run->t_end = s->now;
  free(l.entries);
  while (l.spare_count)
    sb_timeline_deinit(&l.spare[--l.spare_count]);
  free(l.spare);
  sb_strbuf_deinit(&l.text);
  return l.run;
}
