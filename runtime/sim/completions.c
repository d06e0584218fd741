#include "sim/completions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/rng.h"
#include "sim/admission.h"
#include "sim/answer.h"
#include "sim/api.h"
#include "sim/prom_page.h"
#include "sim/truth.h"

enum { MAX_FLOOD_BACKLOG = 4 * 1024 * 1024 };

typedef struct completion {
  uint64_t id; /* the engine's: generation << 32 | slot */
  sb_httpd_conn *conn;
  sb_sim_answer answer;
  sb_sim_truth_record record;
  const char *finish_reason; /* what the last token's event will say */
  int32_t output_tokens, generated;
  int32_t break_after;     /* tokens before the fault strikes; -1: never */
  sb_sim_fault_kind fault; /* where break_after >= 0 */
  bool begun;              /* the response's head was written */
  bool complete;           /* the last token's event was written, perhaps not yet wholly sent */
  bool silent;             /* the fault: nothing more will come */
} completion;

struct sb_sim_completions {
  sb_sim_completions_config config;
  sb_sim_driver *driver;
  sb_sim_truth *truth;
  sb_strbuf model_json, scratch;
  completion **slots;   /* NULL: free */
  uint32_t *free_slots; /* stack */
  uint32_t slot_count, free_count, generation;
  int64_t requests;
  sb_sim_prom_page page;
};

static completion *find(const sb_sim_completions *c, uint64_t id)
{
  completion *q = c->slots[(uint32_t)id];
  return q && q->id == id ? q : NULL;
}

static completion *insert(sb_sim_completions *c)
{
  if (c->free_count == 0) {
    uint32_t count = c->slot_count ? c->slot_count * 2 : 64;
    c->slots = sb_realloc(c->slots, count * sizeof *c->slots);
    c->free_slots = sb_realloc(c->free_slots, count * sizeof *c->free_slots);
    for (uint32_t i = count; i-- > c->slot_count;) {
      c->slots[i] = NULL;
      c->free_slots[c->free_count++] = i;
    }
    c->slot_count = count;
  }
  uint32_t slot = c->free_slots[--c->free_count];
  completion *q = sb_calloc(1, sizeof *q);
  q->id = (uint64_t)++c->generation << 32 | slot;
  c->slots[slot] = q;
  return q;
}

/* Hands the record to the truth log and frees the completion. Its connection is the caller's business. */
static void end(sb_sim_completions *c, completion *q, const char *how)
{
  sb_sim_counters counters;
  sb_sim_driver_counters(c->driver, &counters);
  q->record.end = how;
  q->record.t_end_ns = sb_clock_now();
  sb_sim_truth_add(c->truth, &q->record, &counters);
  sb_sim_answer_deinit(&q->answer);
  c->slots[(uint32_t)q->id] = NULL;
  c->free_slots[c->free_count++] = (uint32_t)q->id;
  free(q);
}

static void finish(sb_sim_completions *c, completion *q)
{
  sb_httpd_conn *conn = q->conn;
  bool stopped = !strcmp(q->finish_reason, "stop");
  *(stopped ? &c->page.stopped : &c->page.length_limited) += 1;
  end(c, q, q->finish_reason);
  sb_httpd_done(conn);
}

static void abandon(sb_sim_completions *c, completion *q)
{
  if (!q->silent && !q->complete)
    sb_sim_driver_cancel(c->driver, q->id);
  if (!q->silent)
    c->page.aborted++;
  end(c, q, q->silent ? "fault" : "abort");
}

/* Sends what was collected; false when the client turned out to be gone and the completion with it. */
static bool send_collected(sb_sim_completions *c, completion *q)
{
  int rc = sb_httpd_flush(q->conn);
  if (rc == SB_OK) {
    sb_sim_truth_written(&q->record, sb_clock_now());
  } else if (rc < 0) {
    sb_httpd_conn *conn = q->conn;
    abandon(c, q);
    sb_httpd_drop(conn);
    return false;
  }
  if (q->complete && rc == SB_OK)
    finish(c, q);
  return true;
}

static void begin_stream(completion *q)
{
  if (!q->begun)
    sb_httpd_begin(q->conn, 200, "text/event-stream; charset=utf-8", -1);
  q->begun = true;
}

static void strike(sb_sim_completions *c, completion *q)
{
  sb_httpd_conn *conn = q->conn;
  bool stream = q->answer.request.stream;
  sb_sim_driver_cancel(c->driver, q->id);
  sb_strbuf_clear(&c->scratch);
  if (stream)
    begin_stream(q);
  if (q->fault == SB_SIM_FAULT_SILENCE) {
    q->silent = true;
    if (stream)
      send_collected(c, q);
  } else if (q->fault == SB_SIM_FAULT_ERROR_EVENT) {
    sb_sim_answer_break(&q->answer, "simulated fault: the engine failed", &c->scratch);
    end(c, q, "fault");
    if (stream) {
      sb_httpd_body(conn, c->scratch.data, c->scratch.size);
      sb_httpd_last(conn);
      sb_httpd_flush(conn);
      sb_httpd_done(conn);
    } else {
      sb_httpd_respond(conn, 500, "application/json", "", c->scratch.data, c->scratch.size);
    }
  } else {
    if (!stream) {
      sb_sim_answer_whole(&q->answer, q->output_tokens, q->finish_reason, &c->scratch);
      sb_httpd_begin(conn, 200, "application/json", (long long)c->scratch.size);
      sb_httpd_body(conn, c->scratch.data, c->scratch.size / 2);
    }
    sb_httpd_flush(conn);
    end(c, q, "fault");
    sb_httpd_drop(conn);
  }
}

static void on_event(void *context, const sb_sim_event *event)
{
  sb_sim_completions *c = context;
  completion *q = find(c, event->id);
  if (!q)
    return;
  if (q->break_after >= 0 && q->generated + event->tokens > q->break_after) {
    strike(c, q);
    return;
  }
  q->generated += event->tokens;
  q->answer.draft_tokens += event->draft_tokens;
  q->answer.accepted_tokens += event->accepted_tokens;
  q->complete = event->last;
  if (c->truth)
    sb_sim_truth_chunk_add(&q->record, event->due_ns, event->tokens);
  q->record.output_tokens = q->generated;
  sb_strbuf_clear(&c->scratch);
  if (q->answer.request.stream) {
    begin_stream(q);
    sb_sim_answer_step(&q->answer, event->tokens, event->last ? q->finish_reason : NULL, &c->scratch);
    if (event->last)
      sb_sim_answer_end(&q->answer, &c->scratch);
    sb_httpd_body(q->conn, c->scratch.data, c->scratch.size);
    if (event->last)
      sb_httpd_last(q->conn);
    send_collected(c, q);
  } else if (event->last) {
    sb_sim_answer_whole(&q->answer, q->output_tokens, q->finish_reason, &c->scratch);
    sb_httpd_begin(q->conn, 200, "application/json", (long long)c->scratch.size);
    sb_httpd_body(q->conn, c->scratch.data, c->scratch.size);
    send_collected(c, q);
  }
}

static bool may_run(void *context)
{
  sb_sim_completions *c = context;
  return sb_httpd_backlog(c->config.httpd) < MAX_FLOOD_BACKLOG;
}

void sb_sim_completions_abort(sb_sim_completions *c, sb_httpd_conn *conn)
{
  completion *q = sb_httpd_user(conn);
  if (q)
    abandon(c, q);
}

void sb_sim_completions_drain(sb_sim_completions *c, sb_httpd_conn *conn)
{
  completion *q = sb_httpd_user(conn);
  if (!q)
    return;
  sb_sim_truth_written(&q->record, sb_clock_now());
  if (q->complete)
    finish(c, q);
}

static void refuse(sb_sim_completions *c, completion *q, int status, const char *param, const char *message,
                   const char *how)
{
  static const struct {
    int status;
    const char *type;
  } types[] = {
    { 400, "BadRequestError" },
    { 404, "NotFoundError" },
    { 429, "RateLimitError" },
  };
  const char *type = "InternalServerError";
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].status == status)
      type = types[i].type;
  sb_httpd_conn *conn = q->conn;
  q->record.status = status;
  end(c, q, how);
  sb_strbuf_clear(&c->scratch);
  sb_sim_api_put_error(&c->scratch, status, type, param, message);
  sb_httpd_respond(conn, status, "application/json", "", c->scratch.data, c->scratch.size);
}

/* The whole server stands still; so does the engine's clock. */
static void freeze(sb_sim_completions *c, double seconds)
{
  int64_t ns = (int64_t)(seconds / c->config.driver.speed * (double)SB_NS_PER_S);
  int64_t until = sb_clock_now() + ns;
  struct timespec at = { .tv_sec = until / SB_NS_PER_S, .tv_nsec = until % SB_NS_PER_S };
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
    continue;
  sb_sim_driver_delay(c->driver, ns);
}

/* Applies a fault that strikes before the request is even read; true when that was the answer. */
static bool strike_first(sb_sim_completions *c, completion *q, const sb_sim_fault *fault)
{
  static const char page[] = "<!doctype html><title>proxy</title><p>This is not the engine.\n";
  sb_httpd_conn *conn = q->conn;
  switch (fault->kind) {
  case SB_SIM_FAULT_HTTP500: refuse(c, q, 500, "", "simulated fault: internal error", "fault"); return true;
  case SB_SIM_FAULT_HTTP429: refuse(c, q, 429, "", "simulated fault: overloaded", "fault"); return true;
  case SB_SIM_FAULT_HTTP404: refuse(c, q, 404, "", "simulated fault: not found", "fault"); return true;
  case SB_SIM_FAULT_NOT_SSE:
    end(c, q, "fault");
    sb_httpd_respond(conn, 200, "text/html", "", page, sizeof page - 1);
    return true;
  case SB_SIM_FAULT_DIE:
    end(c, q, "fault");
    sb_sim_truth_write(c->truth);
    _exit(fault->argument < 0 ? 1 : (int)fault->argument & 255);
  case SB_SIM_FAULT_FREEZE: freeze(c, fault->argument); return false;
  default: return false;
  }
}

/* An id the answer can carry: the client's own where it is plain, as vLLM does, else a number. */
static void answer_id(const completion *q, char *id, size_t size)
{
  const char *given = q->record.request_id;
  size_t plain = strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
  if (plain && !given[plain])
    snprintf(id, size, "%s", given);
  else
    snprintf(id, size, "%016" PRIx64, q->id);
}

/* Gives a request that was read to the engine. */
static void admit(sb_sim_completions *c, completion *q, sb_sim_admission *a, const sb_sim_fault *fault)
{
  sb_sim_admission_bend(a, fault);
  q->output_tokens = a->output_tokens;
  q->finish_reason = a->finish_reason;
  q->record.prompt_tokens = a->request.prompt_tokens;
  q->break_after = sb_sim_fault_break_after(fault, a->output_tokens);
  q->fault = fault ? fault->kind : 0;
  sb_sim_request entry = { .id = q->id,
                           .prompt_tokens = (int32_t)a->request.prompt_tokens,
                           .output_tokens = a->output_tokens,
                           .task = a->task,
                           .seed = a->seed };
  if (sb_sim_driver_submit(c->driver, &entry)) {
    refuse(c, q, 400, "max_tokens", "the prompt and its answer can never fit into the KV cache", "refused");
    return;
  }
  char id[sizeof q->record.request_id];
  answer_id(q, id, sizeof id);
  sb_sim_answer_init(&q->answer, &a->request, id, sb_clock_wall() / SB_NS_PER_S, c->model_json.data);
  q->answer.usage_excess = a->usage_excess;
  q->answer.tells_acceptance = c->config.per_request_acceptance && c->page.k > 0;
  sb_httpd_set_user(q->conn, q);
}

void sb_sim_completions_request(sb_sim_completions *c, sb_httpd_conn *conn, const sb_httpd_parser *http,
                                bool chat)
{
  const sb_sim_completions_config *config = &c->config;
  const sb_sim_fault *fault =
      sb_sim_faults_find(config->faults, ++c->requests, http->body.data, http->body.size);
  completion *q = insert(c);
  q->conn = conn;
  q->record.t_recv_ns = sb_clock_now();
  q->record.status = 200;
  const char *request_id = sb_httpd_parser_header(http, "X-Request-Id");
  snprintf(q->record.request_id, sizeof q->record.request_id, "%s", request_id ? request_id : "");
  if (fault && strike_first(c, q, fault))
    return;
  sb_sim_admission admission;
  sb_sim_api_error error;
  const sb_sim_incoming incoming = {
    .chat = chat,
    .body = http->body.data ? http->body.data : "",
    .size = http->body.size,
    .prompt_tokens = sb_httpd_parser_header(http, sb_sim_prompt_tokens_header),
    .task = sb_httpd_parser_header(http, sb_sim_task_header),
  };
  if (sb_sim_admission_read(&admission, config->profile, config->model, config->task,
                            config->driver.engine.seed, &incoming, &error))
    refuse(c, q, error.status, error.param, error.message, "refused");
  else
    admit(c, q, &admission, fault);
}

void sb_sim_completions_metrics(const sb_sim_completions *c, sb_strbuf *out)
{
  sb_sim_counters counters;
  sb_sim_driver_counters(c->driver, &counters);
  sb_sim_prom_page_put(&c->page, &counters, out);
}

sb_sim_completions *sb_sim_completions_new(sb_loop *loop, const sb_sim_completions_config *config,
                                           sb_err *err)
{
  sb_sim_completions *c = sb_calloc(1, sizeof *c);
  c->config = *config;
  sb_sim_driver_config *driver = &c->config.driver;
  driver->on_event = on_event;
  driver->may_run = may_run;
  driver->context = c;
  sb_json_put_string(&c->model_json, config->model, strlen(config->model));
  c->page = (sb_sim_prom_page){ .model = config->model,
                                .created_s = (double)sb_clock_wall() / (double)SB_NS_PER_S,
                                .k = driver->fixed_step_ns > 0 ? 0 : driver->engine.k };
  if (config->truth_path)
    c->truth = sb_sim_truth_open(loop, config->truth_path, err);
  if (c->truth || !config->truth_path)
    c->driver = sb_sim_driver_new(loop, driver, err);
  if (c->driver)
    return c;
  sb_sim_completions_free(c);
  return NULL;
}

void sb_sim_completions_free(sb_sim_completions *c)
{
  if (!c)
    return;
  for (uint32_t i = 0; i < c->slot_count; i++)
    if (c->slots[i])
      end(c, c->slots[i], "shutdown");
  sb_sim_truth_close(c->truth);
  sb_sim_driver_free(c->driver);
  sb_strbuf_deinit(&c->model_json);
  sb_strbuf_deinit(&c->scratch);
  free(c->slots);
  free(c->free_slots);
  free(c);
}
