#include "http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

world open_world(size_t count, const char *const *answers)
{
  sb_err err = { 0 };
  world w = { .loop = sb_loop_new() };
  assert_non_null(w.loop);
  w.http = sb_http_new(w.loop, &err);
  assert_non_null(w.http);
  w.server = http_fixture_start(count, answers);
  return w;
}

void close_world(world *w)
{
  sb_http_free(w->http);
  sb_loop_free(w->loop);
  http_fixture_stop(w->server);
}

static void on_data(void *context, int status, const char *data, size_t size, int64_t t_ns)
{
  exchange *x = context;
  sb_strbuf_append(&x->body, data, size);
  x->pieces++;
  x->status_seen = status;
  x->times_went_back = x->times_went_back || t_ns < x->t_last;
  x->t_last = t_ns;
}

static void on_done(void *context, const sb_http_result *result)
{
  exchange *x = context;
  x->ends++;
  x->request = NULL;
  x->result = *result;
  snprintf(x->error, sizeof x->error, "%s", result->error ? result->error : "");
  snprintf(x->type, sizeof x->type, "%s", result->content_type ? result->content_type : "");
  if (x->cancels && x->cancels->request) {
    sb_http_cancel(x->cancels->request);
    x->cancels->request = NULL;
  }
  if (x->then)
    begin(x->then, (sb_http_call){ .url = http_fixture_url(x->w->server) });
}

void begin(exchange *x, sb_http_call call)
{
  sb_err err = { 0 };
  call.on_data = on_data;
  call.on_done = on_done;
  call.context = x;
  x->request = sb_http_start(x->w->http, &call, &err);
  if (!x->request)
    fail_msg("%s", err.text);
  assert_int_equal(x->ends, 0); /* never from inside start */
}

void step_towards(world *w, const int *goal)
{
  bool alive = sb_loop_step(w->loop);
  assert_true(alive || *goal);
}

void run_until_ended(exchange *x)
{
  while (!x->ends)
    step_towards(x->w, &x->ends);
}

void get(exchange *x)
{
  begin(x, (sb_http_call){ .url = http_fixture_url(x->w->server) });
  run_until_ended(x);
}

void assert_body(const exchange *x, const char *want)
{
  assert_int_equal(x->body.size, strlen(want));
  if (x->body.size)
    assert_string_equal(x->body.data, want);
}
