#include "sim/virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sim/admission.h"
#include "sim/prom_page.h"
#include "sim/setup.h"
#include "sim/tokens.h"

struct sb_sim_virtual {
  char **argv; /* the options point into it */
  int argc;
  sb_sim_options options;
  sb_sim_profile profile;
  const char *model;
  sb_sim_engine *engine;
  int64_t now;
  uint64_t submitted; /* requests so far: their ids */
  sb_sim_prom_page page;
};

/* A request of the load under way, beside its record. */
typedef struct entry {
  sb_sim_admission admission;
  int64_t draft_tokens, accepted_tokens;
} entry;

typedef struct load {
  sb_sim_virtual *server;
  const sb_load_options *options;
  bool chat;
  sb_run *run;
  entry *entries;
  uint64_t first_id;
  uint32_t sent, done;
  sb_strbuf text;
} load;

static int reject(const sb_sim_options *o, sb_err *err)
{
  const char *name = o->faults.count   ? "--fault"
                     : o->truth        ? "--truth"
                     : o->flood        ? "--flood"
                     : o->step_ms > 0  ? "--step-ms"
                     : o->speed != 1.0 ? "--speed"
                                       : NULL;
  return name ? sb_err_set(err, SB_EINVAL, "%s means nothing in virtual time", name) : SB_OK;
}

static int setup(sb_sim_virtual *s, const char *profiles_dir, sb_err *err)
{
  int rc = sb_sim_options_parse(&s->options, s->argc, s->argv, err);
  if (!rc)
    rc = reject(&s->options, err);
  if (!rc)
    rc = sb_sim_setup_profile(&s->profile, &s->options, profiles_dir, err);
  if (rc)
    return rc;
  sb_sim_config config = sb_sim_setup_engine(&s->options, &s->profile);
  s->engine = sb_sim_engine_new(&config);
  s->model = sb_sim_setup_model(&s->options, &s->profile);
  s->page = (sb_sim_prom_page){ .model = s->model, .k = config.k };
  s->now = SB_NS_PER_S;
  return s->engine ? SB_OK : sb_err_set(err, SB_EINVAL, "these settings exclude each other");
}

sb_sim_virtual *sb_sim_virtual_new(int argc, char **argv, const char *profiles_dir, sb_err *err)
{
  sb_sim_virtual *s = sb_calloc(1, sizeof *s);
  s->argc = argc;
  s->argv = sb_calloc((size_t)argc + 1, sizeof *s->argv);
  for (int i = 0; i < argc; i++)
    s->argv[i] = sb_strdup(argv[i]);
  if (!setup(s, profiles_dir, err))
    return s;
  sb_sim_virtual_free(s);
  return NULL;
}

void sb_sim_virtual_free(sb_sim_virtual *s)
{
  if (!s)
    return;
  sb_sim_engine_free(s->engine);
  for (int i = 0; i < s->argc; i++)
    free(s->argv[i]);
  free(s->argv);
  free(s);
}

/* The value of a header among "Name: value" lines; NULL where it is not there. */
static const char *header(const char *const *headers, const char *name)
{
  size_t size = strlen(name);
  for (; headers && *headers; headers++)
    if (!strncasecmp(*headers, name, size) && (*headers)[size] == ':')
      return *headers + size + 1 + strspn(*headers + size + 1, " \t");
  return NULL;
}

static void refuse(load *l, sb_record *record, int status, const char *message)
{
  sb_strbuf text = { 0 };
  sb_strbuf_printf(&text, "HTTP status %d: %s", status, message);
  record->outcome = SB_OUTCOME_HTTP;
  record->http_status = status;
  record->error = sb_strdup(text.data);
  record->t_done = record->t_send;
  l->done++;
  sb_strbuf_deinit(&text);
}

static void send_next(load *l)
{
  sb_sim_virtual *s = l->server;
  uint32_t index = l->sent++;
  const sb_load_request *request = &l->options->requests[index];
  sb_record *record = &l->run->records[index];
  entry *e = &l->entries[index];
  record->prompt_id = request->prompt_id;
  record->data_prompt_tokens = request->prompt_tokens;
  record->max_tokens = request->max_tokens;
  record->t_send = s->now;
  record->t_intended = l->options->arrivals_ns ? l->run->t_start + l->options->arrivals_ns[index] : s->now;
  sb_timeline_reset(&record->timeline, s->now);
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
    refuse(l, record, error.status, error.message);
    return;
  }
  const sb_sim_admission *a = &e->admission;
  sb_sim_request entered = { .id = l->first_id + index,
                             .prompt_tokens = (int32_t)a->request.prompt_tokens,
                             .output_tokens = a->output_tokens,
                             .task = a->task,
                             .seed = a->seed };
  if (sb_sim_engine_submit(s->engine, s->now, &entered))
    refuse(l, record, 400, "the prompt and its answer can never fit into the KV cache");
}

static bool may_send(const load *l)
{
  uint32_t in_flight = l->sent - l->done;
  return l->sent < l->options->count && (!l->options->concurrency || in_flight < l->options->concurrency);
}

static int64_t next_arrival(const load *l)
{
  if (!may_send(l))
    return INT64_MAX;
  if (!l->options->arrivals_ns)
    return l->server->now;
  int64_t due = l->run->t_start + l->options->arrivals_ns[l->sent];
  return due > l->server->now ? due : l->server->now;
}

/* What the answer's usage told, and its text. */
static void finish(load *l, sb_record *record, const entry *e)
{
  const sb_sim_admission *a = &e->admission;
  bool stopped = !strcmp(a->finish_reason, "stop");
  *(stopped ? &l->server->page.stopped : &l->server->page.length_limited) += 1;
  record->finish = stopped ? SB_FINISH_STOP : SB_FINISH_LENGTH;
  if (a->request.include_usage) {
    record->prompt_tokens = a->request.prompt_tokens;
    record->completion_tokens = a->output_tokens;
    if (l->server->options.per_request_acceptance && l->server->page.k > 0) {
      record->draft_tokens = e->draft_tokens;
      record->accepted_tokens = e->accepted_tokens;
    }
  }
  record->token_source = a->request.token_ids ? SB_TOKENS_TOKEN_IDS
                         : a->request.continuous_usage && a->request.include_usage
                             ? SB_TOKENS_CONTINUOUS_USAGE
                         : a->request.include_usage ? SB_TOKENS_USAGE_TOTAL
                                                    : SB_TOKENS_UNKNOWN;
  sb_strbuf_clear(&l->text);
  for (int32_t i = 0; i < a->output_tokens; i++)
    sb_sim_tokens_text(sb_sim_tokens_answer(a->request.prompt_hash, i), i, &l->text);
  record->text_hash = sb_hash64(l->text.data, l->text.size, 0);
  if (l->options->stream.keep_text) {
    record->text = sb_strdup(l->text.data ? l->text.data : "");
    record->text_size = l->text.size;
  }
  sb_timeline_shrink(&record->timeline);
}

static void on_event(void *context, const sb_sim_event *event)
{
  load *l = context;
  uint64_t index = event->id - l->first_id;
  sb_record *record = &l->run->records[index];
  entry *e = &l->entries[index];
  l->server->now = event->due_ns;
  if (event->first) {
    record->http_status = 200;
    record->t_first_byte = event->due_ns;
  }
  bool told = e->admission.request.token_ids ||
              (e->admission.request.continuous_usage && e->admission.request.include_usage);
  sb_timeline_append(&record->timeline, event->due_ns, told ? (uint32_t)event->tokens : 0, true);
  e->draft_tokens += event->draft_tokens;
  e->accepted_tokens += event->accepted_tokens;
  if (!event->last)
    return;
  record->t_done = event->due_ns;
  sb_timeline_reset(&record->others, record->t_send);
  sb_timeline_append(&record->others, event->due_ns, record->timeline.chunks, true); /* [DONE] */
  finish(l, record, e);
  l->done++;
  while (!l->options->arrivals_ns && may_send(l))
    send_next(l);
}

static void run(load *l)
{
  sb_sim_virtual *s = l->server;
  while (l->done < l->options->count) {
    int64_t arrival = next_arrival(l), step = sb_sim_engine_next(s->engine);
    if (arrival <= step && arrival != INT64_MAX) {
      s->now = arrival;
      send_next(l);
    } else {
      s->now = step;
      sb_sim_engine_advance(s->engine, step, on_event, l);
    }
  }
}

sb_run *sb_sim_virtual_load(sb_sim_virtual *s, const sb_load_options *options, sb_err *err)
{
  if (!options->count || (!options->concurrency && !options->arrivals_ns)) {
    sb_err_set(err, SB_EINVAL, "a load needs requests, and a concurrency or arrivals");
    return NULL;
  }
  load l = { .server = s,
             .options = options,
             .run = sb_run_new(options->count),
             .entries = sb_calloc(options->count, sizeof *l.entries),
             .first_id = s->submitted + 1 };
  const char *path = strstr(options->url, "/v1/");
  l.chat = path && !strcmp(path, "/v1/chat/completions");
  s->submitted += options->count;
  l.run->chat = l.chat;
  l.run->t_start = l.run->wall_anchor_ns = l.run->clock_anchor_ns = s->now;
  l.run->concurrency = options->arrivals_ns ? 0 : options->concurrency;
  l.run->clock_scale = 1.0;
  run(&l);
  l.run->t_end = s->now;
  free(l.entries);
  sb_strbuf_deinit(&l.text);
  return l.run;
}

void sb_sim_virtual_metrics(const sb_sim_virtual *s, sb_strbuf *out)
{
  sb_sim_counters counters;
  sb_sim_engine_counters(s->engine, &counters);
  sb_sim_prom_page_put(&s->page, &counters, out);
}
