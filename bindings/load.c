#include "load/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "load_input.h"
#include "run.h"
#include "wait.h"

/* sb.load: one load against one server, driven in C; Lua plans it and waits. */

#define TYPE "specbench.load"

/* uservalue: a table that keeps every string that the load borrows; after these, those of the requests */
enum { UV_ANCHOR = 1 };
enum { ANCHOR_URL = 1, ANCHOR_ID_PREFIX, ANCHOR_HEADERS, ANCHOR_REQUESTS };

typedef struct load_box {
  sb_load *load;
  sb_load_request *requests;
  int64_t *arrivals;
  bool done, taken;
  sbl_wait_list waits;
} load_box;

static load_box *check_load(lua_State *L)
{
  return luaL_checkudata(L, 1, TYPE);
}

static void on_done(void *context)
{
  load_box *box = context;
  box->done = true;
  sbl_wake(&box->waits, SBL_WAKE_ALL);
}

/* Of the options at 1; 0 where it is not given. */
static int start(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  sbl_check_open(L);
  lua_settop(L, 1);
  load_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  memset(box, 0, sizeof *box);
  luaL_setmetatable(L, TYPE);
  lua_newtable(L);
  int anchor = 3;
  lua_pushvalue(L, anchor);
  lua_setiuservalue(L, 2, UV_ANCHOR);

  sb_err err;
  sb_load_options options = {
    .url = sbl_opt_string_field(L, 1, "url", NULL),
    .concurrency = (uint32_t)sbl_opt_integer_field(L, 1, "concurrency", 0, 0, UINT32_MAX),
    .deadlines = sbl_load_deadlines(L, 1),
    .send_ns = sbl_seconds(L, sbl_opt_number_field(L, 1, "send_for", 0), "send_for"),
    .id_prefix = sbl_opt_string_field(L, 1, "id_prefix", NULL),
    .io_threads = (uint32_t)sbl_opt_integer_field(L, 1, "io_threads", 1, 1, SB_LOAD_MAX_IO_THREADS),
    .own_thread = sbl_opt_bool_field(L, 1, "own_thread", false),
    .stream = { .event_per_token = sbl_opt_bool_field(L, 1, "event_per_token", false),
                .keep_text = sbl_opt_bool_field(L, 1, "keep_text", false),
                .whole = sbl_opt_bool_field(L, 1, "whole", false) },
    .on_done = on_done,
    .context = box,
  };
  if (!options.url)
    return luaL_error(L, "field 'url' is missing");
  lua_getfield(L, 1, "url");
  lua_rawseti(L, anchor, ANCHOR_URL);
  lua_getfield(L, 1, "id_prefix");
  lua_rawseti(L, anchor, ANCHOR_ID_PREFIX);
  lua_getfield(L, 1, "headers");
  options.headers = sbl_string_vector(L, -1, "headers");
  lua_rawseti(L, anchor, ANCHOR_HEADERS);
  lua_settop(L, anchor);

  if (lua_getfield(L, 1, "requests") != LUA_TTABLE)
    return luaL_error(L, "field 'requests' must be a table of requests");
  options.count = (uint32_t)lua_rawlen(L, -1);
  box->requests = sb_calloc(options.count, sizeof *box->requests);
  options.requests = box->requests;
  sbl_load_requests(L, box->requests, options.count, anchor, ANCHOR_REQUESTS);
  lua_settop(L, anchor);
  if (lua_getfield(L, 1, "arrivals") != LUA_TNIL) {
    if (sbl_load_arrivals(L, &box->arrivals, options.count, &err))
      return sbl_fail(L, &err);
    options.arrivals_ns = box->arrivals;
  }
  sbl_world *world = sbl_world_of(L);
  box->load = sb_load_start(world->loop, world->http, &options, &err);
  if (!box->load)
    return sbl_fail(L, &err);
  lua_settop(L, 2);
  return 1;
}

static int wait_results(lua_State *L, int how, lua_KContext context)
{
  (void)how;
  (void)context;
  lua_pushboolean(L, check_load(L)->done);
  return 1;
}

/* wait(seconds?) -> true once every request has ended, false where the time ran out before */
static int wait_load(lua_State *L)
{
  load_box *box = check_load(L);
  double seconds = luaL_optnumber(L, 2, -1);
  lua_settop(L, 1);
  if (box->done || !box->load) {
    lua_pushboolean(L, box->done);
    return 1;
  }
  int64_t ns = seconds < 0 ? -1 : sbl_seconds(L, seconds, "seconds to wait");
  return sbl_wait_in(L, &box->waits, ns, wait_results, 0);
}

static int progress(lua_State *L)
{
  load_box *box = check_load(L);
  sb_load_progress p = { 0 };
  if (box->load)
    p = sb_load_get_progress(box->load);
  lua_createtable(L, 0, 7);
  sbl_set_integer(L, "total", p.total);
  sbl_set_integer(L, "sent", p.sent);
  sbl_set_integer(L, "done", p.done);
  sbl_set_integer(L, "failed", p.failed);
  sbl_set_integer(L, "in_flight", p.in_flight);
  sbl_set_integer(L, "bytes", (lua_Integer)p.bytes);
  sbl_set_integer(L, "tokens", (lua_Integer)p.tokens);
  return 1;
}

static void push_lag(lua_State *L, const sb_lag_summary *summary)
{
  lua_createtable(L, 0, 7);
  sbl_set_integer(L, "samples", (lua_Integer)summary->samples);
  sbl_set_number(L, "cpu_share", summary->cpu_share);
  lua_pushboolean(L, summary->real_time);
  lua_setfield(L, -2, "real_time");
  sbl_set_number(L, "p50_ms", summary->p50_ms);
  sbl_set_number(L, "p99_ms", summary->p99_ms);
  sbl_set_number(L, "max_ms", summary->max_ms);
  sbl_set_number(L, "busy_max_ms", summary->busy_max_ms);
}

/* lag() -> { samples, p50_ms, p99_ms, max_ms, cpu_share, real_time, threads? }: how late the client itself was,
 * after the end; nil where nothing was measured. The worst of all I/O threads, and each one's where there are
 * several. */
static int lag(lua_State *L)
{
  load_box *box = check_load(L);
  sb_lag_summary worst = { 0 };
  if (box->load && box->done)
    worst = sb_load_get_lag(box->load);
  if (!worst.samples) {
    lua_pushnil(L);
    return 1;
  }
  push_lag(L, &worst);
  uint32_t threads = sb_load_io_threads(box->load);
  if (threads == 1)
    return 1;
  lua_createtable(L, (int)threads, 0);
  for (uint32_t i = 0; i < threads; i++) {
    sb_lag_summary one = sb_load_get_thread_lag(box->load, i);
    push_lag(L, &one);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "threads");
  return 1;
}

/* given_up() -> why the load ended before all was sent, a line; nil where it did not */
static int given_up(lua_State *L)
{
  load_box *box = check_load(L);
  luaL_argcheck(L, box->load, 1, "the load is closed");
  lua_pushstring(L, sb_load_given_up(box->load));
  return 1;
}

/* reads() -> { chunks, merged, unstamped, p99_ms, max_ms, by_kernel }, after the end; nil where no chunk came */
static int reads(lua_State *L)
{
  load_box *box = check_load(L);
  sb_reads_summary sum = { 0 };
  if (box->load && box->done)
    sum = sb_load_get_reads(box->load);
  if (!sum.chunks) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 6);
  sbl_set_integer(L, "chunks", (lua_Integer)sum.chunks);
  sbl_set_integer(L, "merged", (lua_Integer)sum.merged);
  sbl_set_integer(L, "unstamped", (lua_Integer)sum.unstamped);
  sbl_set_number(L, "p99_ms", sum.p99_ms);
  sbl_set_number(L, "max_ms", sum.max_ms);
  lua_pushboolean(L, sum.by_kernel);
  lua_setfield(L, -2, "by_kernel");
  return 1;
}

/* io_threads() -> how many loops do the I/O */
static int io_threads(lua_State *L)
{
  load_box *box = check_load(L);
  luaL_argcheck(L, box->load, 1, "the load is closed");
  lua_pushinteger(L, sb_load_io_threads(box->load));
  return 1;
}

static int cancel(lua_State *L)
{
  load_box *box = check_load(L);
  if (box->load && !box->done) {
    sb_load_cancel(box->load);
    on_done(box);
  }
  return 0;
}

/* run() -> the records, once, after the end or a cancel */
static int take_run(lua_State *L)
{
  load_box *box = check_load(L);
  if (!box->done || box->taken)
    return luaL_error(L, box->taken ? "the load's run was taken already"
                                    : "the load has not ended: wait or cancel");
  luaL_argcheck(L, box->load, 1, "the load is closed");
  sb_run **run = sbl_push_run(L);
  *run = sb_load_take_run(box->load);
  box->taken = true;
  return sbl_give_run(L, *run);
}

static int close_load(lua_State *L)
{
  load_box *box = check_load(L);
  cancel(L);
  sb_load_free(box->load);
  free(box->requests);
  free(box->arrivals);
  box->load = NULL;
  box->requests = NULL;
  box->arrivals = NULL;
  return 0;
}

int sbl_open_load(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "wait", wait_load },        { "progress", progress },  { "cancel", cancel },     { "lag", lag },
    { "io_threads", io_threads }, { "run", take_run },       { "given_up", given_up }, { "reads", reads },
    { "close", close_load },      { "__close", close_load }, { "__gc", close_load },   { NULL, NULL },
  };
  static const luaL_Reg functions[] = { { "start", start }, { NULL, NULL } };
  luaL_requiref(L, "sb.measure", sbl_open_measure, 0); /* what run() gives is its type */
  lua_pop(L, 1);
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
