#include "sim/server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "net/httpd.h"
#include "sim/api.h"
#include "sim/completions.h"
#include "sim/setup.h"

#ifndef SB_VERSION
#error "SB_VERSION must be defined by the build"
#endif

static const char json[] = "application/json";

struct sb_sim_server {
  const sb_sim_options *options;
  const sb_sim_profile *profile;
  const char *model;
  int64_t created_s;
  sb_httpd *httpd;
  sb_sim_completions *completions;
  uv_timer_t load_timer;
  bool loading, given_up;
  void (*on_listening)(void *context, int port);
  void *context;
  sb_strbuf page; /* scratch */
};

static void get_health(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  (void)s;
  (void)request;
  sb_httpd_respond(conn, 200, json, "", "", 0);
}

static void get_models(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  (void)request;
  sb_strbuf_puts(&s->page, "{\"object\":\"list\",\"data\":[{\"id\":");
  sb_json_put_string(&s->page, s->model, strlen(s->model));
  sb_strbuf_printf(&s->page,
                   ",\"object\":\"model\",\"created\":%" PRId64 ",\"owned_by\":\"specbench\","
                   "\"parent\":null,\"max_model_len\":%d}]}",
                   s->created_s, s->profile->max_model_len);
  sb_httpd_respond(conn, 200, json, "", s->page.data, s->page.size);
}

static void get_version(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  (void)request;
  sb_strbuf_printf(&s->page, "{\"version\":\"specbench-sim " SB_VERSION "\",\"clock_scale\":%.15g}",
                   s->options->speed);
  sb_httpd_respond(conn, 200, json, "", s->page.data, s->page.size);
}

static void get_metrics(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  (void)request;
  sb_sim_completions_metrics(s->completions, &s->page);
  sb_httpd_respond(conn, 200, "text/plain; version=0.0.4; charset=utf-8", "", s->page.data, s->page.size);
}

static void post_reset_prefix_cache(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  (void)s;
  (void)request;
  static const char body[] = "{\"success\":true}"; /* there is no prefix cache: every prompt is computed */
  sb_httpd_respond(conn, 200, json, "", body, sizeof body - 1);
}

static void post_tokenize(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  sb_sim_api_error error;
  int status = 200;
  if (sb_sim_api_tokenize(s->model, s->profile->max_model_len, request->body.data ? request->body.data : "",
                          request->body.size, &s->page, &error)) {
    status = error.status;
    sb_sim_api_put_error(&s->page, status, status == 404 ? "NotFoundError" : "BadRequestError", error.param,
                         error.message);
  }
  sb_httpd_respond(conn, status, json, "", s->page.data, s->page.size);
}

static void post_chat(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  sb_sim_completions_request(s->completions, conn, request, true);
}

static void post_completion(sb_sim_server *s, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  sb_sim_completions_request(s->completions, conn, request, false);
}

static const struct {
  const char *path;
  bool post;
  void (*run)(sb_sim_server *server, sb_httpd_conn *conn, const sb_httpd_parser *request);
} routes[] = {
  { "/v1/chat/completions", true, post_chat },
  { "/v1/completions", true, post_completion },
  { "/tokenize", true, post_tokenize },
  { "/reset_prefix_cache", true, post_reset_prefix_cache },
  { "/health", false, get_health },
  { "/v1/models", false, get_models },
  { "/version", false, get_version },
  { "/metrics", false, get_metrics },
};

static void refuse(sb_sim_server *s, sb_httpd_conn *conn, int status, const char *type, const char *headers,
                   const char *message)
{
  sb_sim_api_put_error(&s->page, status, type, "", message);
  sb_httpd_respond(conn, status, json, headers, s->page.data, s->page.size);
}

static void on_request(void *context, sb_httpd_conn *conn, const sb_httpd_parser *request)
{
  sb_sim_server *s = context;
  sb_strbuf_clear(&s->page);
  if (s->loading) {
    refuse(s, conn, 503, "unavailable_error", "", "the model is still loading");
    return;
  }
  bool get = !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD");
  bool post = !strcmp(request->method, "POST");
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
    if (strcmp(routes[i].path, request->path) != 0)
      continue;
    if (routes[i].post ? post : get)
      routes[i].run(s, conn, request);
    else
      refuse(s, conn, 405, "MethodNotAllowedError",
             routes[i].post ? "allow: POST\r\n" : "allow: GET, HEAD\r\n",
             "this path does not take that method");
    return;
  }
  refuse(s, conn, 404, "NotFoundError", "", "there is nothing at this path");
}

static void on_abort(void *context, sb_httpd_conn *conn)
{
  sb_sim_completions_abort(((sb_sim_server *)context)->completions, conn);
}

static void on_drain(void *context, sb_httpd_conn *conn)
{
  sb_sim_completions_drain(((sb_sim_server *)context)->completions, conn);
}

static int listen_now(sb_sim_server *s, sb_err *err)
{
  int rc = sb_httpd_listen(s->httpd, err);
  if (!rc)
    s->on_listening(s->context, sb_httpd_port(s->httpd));
  return rc;
}

static void on_loaded(uv_timer_t *timer)
{
  sb_sim_server *s = timer->data;
  sb_err err;
  s->loading = false;
  if (s->options->refuse_while_loading && listen_now(s, &err)) {
    sb_log(SB_LOG_ERROR, "%s", err.text);
    s->given_up = true;
  }
}

static sb_sim_driver_config driver_config(const sb_sim_options *o, const sb_sim_profile *profile)
{
  return (sb_sim_driver_config){
    .engine = sb_sim_setup_engine(o, profile),
    .speed = o->speed,
    .flood = o->flood,
    .fixed_step_ns = (int64_t)(o->step_ms * (double)SB_NS_PER_MS),
    .fixed_tokens = (int32_t)o->tokens_per_chunk,
  };
}

static int start(sb_sim_server *s, sb_loop *loop, sb_err *err)
{
  const sb_sim_options *o = s->options;
  sb_sim_completions_config config = { .driver = driver_config(o, s->profile),
                                       .profile = s->profile,
                                       .model = s->model,
                                       .task = o->task,
                                       .per_request_acceptance = o->per_request_acceptance,
                                       .truth_path = o->truth,
                                       .faults = &o->faults,
                                       .httpd = s->httpd };
  int rc = sb_httpd_bind(s->httpd, o->host, (int)o->port, err);
  if (rc)
    return rc;
  s->completions = sb_sim_completions_new(loop, &config, err);
  if (!s->completions)
    return SB_EIO;
  bool never = sb_sim_faults_never_ready(&o->faults);
  s->loading = never || o->load_time_s > 0;
  if (s->loading && !never)
    uv_timer_start(&s->load_timer, on_loaded, (uint64_t)(o->load_time_s / o->speed * 1000 + 0.5), 0);
  return s->loading && o->refuse_while_loading ? SB_OK : listen_now(s, err);
}

sb_sim_server *sb_sim_server_new(sb_loop *loop, const sb_sim_options *options, const sb_sim_profile *profile,
                                 void (*on_listening)(void *context, int port), void *context, sb_err *err)
{
  sb_sim_server *s = sb_calloc(1, sizeof *s);
  s->options = options;
  s->profile = profile;
  s->model = sb_sim_setup_model(options, profile);
  s->created_s = sb_clock_wall() / SB_NS_PER_S;
  s->on_listening = on_listening;
  s->context = context;
  uv_timer_init(sb_loop_uv(loop), &s->load_timer);
  s->load_timer.data = s;
  s->httpd = sb_httpd_new(sb_loop_uv(loop), &(sb_httpd_handler){ on_request, on_abort, on_drain, s });
  if (!start(s, loop, err))
    return s;
  sb_sim_server_free(s);
  return NULL;
}

bool sb_sim_server_gave_up(const sb_sim_server *s)
{
  return s->given_up;
}

static void on_closed(uv_handle_t *handle)
{
  sb_sim_server *s = handle->data;
  sb_strbuf_deinit(&s->page);
  free(s);
}

void sb_sim_server_free(sb_sim_server *s)
{
  if (!s)
    return;
  sb_sim_completions_free(s->completions);
  sb_httpd_free(s->httpd);
  uv_close((uv_handle_t *)&s->load_timer, on_closed);
}
