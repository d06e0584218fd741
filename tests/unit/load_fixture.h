#ifndef LOAD_FIXTURE_H
#define LOAD_FIXTURE_H

#include "http_fixture.h"
#include "load/load.h"
#include "net/loop.h"

/* Events as engines send them. */
#define TEXT(text) "data: {\"choices\":[{\"text\":\"" text "\",\"finish_reason\":null}]}\n\n"
#define USED(text, n)                                                            \
  "data: {\"choices\":[{\"text\":\"" text "\"}],\"usage\":{\"prompt_tokens\":5," \
  "\"completion_tokens\":" n "}}\n\n"
#define STOP "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"

/* A loop, a client and a scripted server, and the load that runs against it. */
typedef struct world {
  sb_loop *loop;
  sb_http *http;
  http_fixture *server;
  sb_load *load;
  int ended;
} world;

world open_world(size_t count, const char *const *answers);
void close_world(world *w);

/* Declares `w`, whose server gives these answers. */
#define WORLD(...)                               \
  const char *const answers[] = { __VA_ARGS__ }; \
  world w = open_world(sizeof answers / sizeof *answers, answers)

/* `count` requests with the body "{}" and the numbers 100, 101, ... as prompts; free() it. */
sb_load_request *requests(uint32_t count);

/* Starts the load; the url is the server's where none is given. */
void begin_load(world *w, sb_load_options options);

/* Runs the loop until the load has ended, checks that it ended once and completely, and takes its run. */
sb_run *end_load(world *w);

#endif
