#ifndef HTTP_WORLD_H
#define HTTP_WORLD_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "http_fixture.h"
#include "net/http.h"
#include "net/loop.h"

/* A loop, a client and a scripted server. */
typedef struct world {
  sb_loop *loop;
  sb_http *http;
  http_fixture *server;
} world;

world open_world(size_t count, const char *const *answers);
void close_world(world *w);

/* Declares `w`, whose server gives these answers. */
#define WORLD(...)                                      \
  static const char *const answers[] = { __VA_ARGS__ }; \
  world w = open_world(sizeof answers / sizeof *answers, answers)

/* A request and what became of it. */
typedef struct exchange {
  world *w;
  sb_http_request *request;
  sb_strbuf body;
  int pieces, ends, status_seen;
  int64_t t_last;
  bool times_went_back;
  sb_http_result result;
  char error[256], type[64];
  struct exchange *then;    /* started by this one's on_done */
  struct exchange *cancels; /* cancelled by this one's on_done */
} exchange;

/* Starts it; on_data and on_done fill the exchange. */
void begin(exchange *x, sb_http_call call);

/* One turn of the loop, which must not be left with nothing to wait for while `goal` is not reached. */
void step_towards(world *w, const int *goal);
void run_until_ended(exchange *x);

/* A whole GET. */
void get(exchange *x);

void assert_body(const exchange *x, const char *want);

#endif
