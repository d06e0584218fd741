#include "load_fixture.h"
#include "loop_poll.h"

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
  world w = { .loop = sb_loop_new() };
  w.http = sb_http_new(w.loop, NULL);
  w.server = http_fixture_start(count, answers);
  return w;
}

void close_world(world *w)
{
  sb_load_free(w->load);
  sb_http_free(w->http);
  sb_loop_free(w->loop);
  http_fixture_stop(w->server);
}

static void on_done(void *context)
{
  ((world *)context)->ended++;
}

sb_load_request *requests(uint32_t count)
{
  sb_load_request *list = sb_calloc(count, sizeof *list);
  for (uint32_t i = 0; i < count; i++)
    list[i] = (sb_load_request){ .body = "{}", .body_size = 2, .prompt_id = 100 + i };
  return list;
}

void begin_load(world *w, sb_load_options options)
{
  sb_err err = { 0 };
  if (!options.url)
    options.url = http_fixture_url(w->server);
  options.on_done = on_done;
  options.context = w;
  w->load = sb_load_start(w->loop, w->http, &options, &err);
  if (!w->load)
    fail_msg("%s", err.text);
  assert_int_equal(w->ended, 0); /* never from inside start */
}

sb_run *end_load(world *w)
{
  while (!w->ended) {
    bool alive = sb_loop_step(w->loop);
    assert_true(alive || w->ended);
  }
  for (int i = 0; i < 3; i++)
    loop_poll(w->loop);
  assert_int_equal(w->ended, 1);
  sb_load_progress p = sb_load_get_progress(w->load);
  assert_true(p.sent == p.total || sb_load_given_up(w->load));
  assert_int_equal(p.done, p.sent);
  assert_int_equal(p.in_flight, 0);
  return sb_load_take_run(w->load);
}
