#include "net/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "net/dial.h"
#include "wait.h"

/* sb.http: one request, waited for; or a stream, read piece by piece. */

#define TYPE "specbench.http.stream"

/* A request of Lua's. It lives until both sides let go: Lua (the userdata, or the waiting call) and the client. */
typedef struct exchange {
  sbl_wait_list waits;
  sb_http_request *request; /* NULL once ended */
  sb_strbuf body;           /* of a stream: what was not read yet */
  char *sent;               /* the request's body: the client borrows it */
  char *error;
  int code, status;
  bool silent, stream;
  int64_t t_start, t_done, t_last;
  char content_type[128];
} exchange;

static void free_exchange(exchange *x)
{
  if (x->request)
    sb_http_cancel(x->request);
  sb_strbuf_deinit(&x->body);
  free(x->sent);
  free(x->error);
  x->request = NULL;
  x->sent = x->error = NULL;
}

static void on_data(void *context, int status, const char *data, size_t size, int64_t t_ns)
{
  exchange *x = context;
  x->status = status;
  x->t_last = t_ns;
  sb_strbuf_append(&x->body, data, size);
  if (x->stream)
    sbl_wake(&x->waits, SBL_WAKE_ALL);
}

static void on_done(void *context, const sb_http_result *result)
{
  exchange *x = context;
  x->request = NULL;
  x->code = result->code;
  x->status = result->status;
  x->silent = result->silent;
  x->t_done = result->t_done_ns;
  if (result->error)
    x->error = sb_strdup(result->error);
  snprintf(x->content_type, sizeof x->content_type, "%s", result->content_type ? result->content_type : "");
  sbl_wake(&x->waits, SBL_WAKE_ALL);
}

/* A page, a list of models, counters: what Lua holds whole. A file comes as a stream. */
#define MAX_BODY (64 * 1024 * 1024)

/* Starts what the table at index 1 describes. */
static bool start(lua_State *L, exchange *x, sb_err *err)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  sbl_check_open(L);
  const char *url = sbl_opt_string_field(L, 1, "url", NULL);
  if (!url)
    luaL_error(L, "field 'url' is missing");
  lua_getfield(L, 1, "headers");
  const char **headers = sbl_string_vector(L, -1, "headers");
  sb_http_call call = {
    .url = url,
    .method = sbl_opt_string_field(L, 1, "method", NULL),
    .headers = headers,
    .max_body = x->stream ? 0 : (uint64_t)sbl_opt_integer_field(L, 1, "max_body", MAX_BODY, 1, INT64_MAX),
    .timeout_ns = sbl_seconds(L, sbl_opt_number_field(L, 1, "timeout", 0), "timeout"),
    .chunk_timeout_ns = sbl_seconds(L, sbl_opt_number_field(L, 1, "chunk_timeout", 0), "chunk_timeout"),
    .on_data = on_data,
    .on_done = on_done,
    .context = x,
  };
  if (lua_getfield(L, 1, "body") != LUA_TNIL) {
    size_t size;
    const char *body = luaL_checklstring(L, -1, &size);
    x->sent = sb_alloc(size + 1);
    memcpy(x->sent, body, size);
    call.body = x->sent;
    call.body_size = size;
  }
  x->t_start = sb_clock_now();
  x->request = sb_http_start(sbl_world_of(L)->http, &call, err);
  return x->request != NULL;
}

static int push_failure(lua_State *L, const exchange *x)
{
  lua_pushnil(L);
  lua_pushstring(L, x->error);
  lua_pushstring(L, sb_code_name((sb_code)x->code));
  return 3;
}

/* {status, body, content_type, seconds} */
static void push_response(lua_State *L, const exchange *x)
{
  lua_createtable(L, 0, 4);
  sbl_set_integer(L, "status", x->status);
  lua_pushlstring(L, x->body.data ? x->body.data : "", x->body.size);
  lua_setfield(L, -2, "body");
  lua_pushstring(L, x->content_type);
  lua_setfield(L, -2, "content_type");
  lua_pushnumber(L, (double)(x->t_done - x->t_start) / 1e9);
  lua_setfield(L, -2, "seconds");
}

/* The exchange is the userdata at index 2 of `request`, which closes it. */
static int request_results(lua_State *L, int how, lua_KContext context)
{
  (void)how;
  (void)context;
  const exchange *x = luaL_checkudata(L, 2, TYPE);
  if (x->code)
    return push_failure(L, x);
  push_response(L, x);
  return 1;
}

static exchange *new_exchange(lua_State *L)
{
  lua_settop(L, 1);
  exchange *x = lua_newuserdatauv(L, sizeof *x, 0);
  memset(x, 0, sizeof *x);
  luaL_setmetatable(L, TYPE);
  return x;
}

static int request(lua_State *L)
{
  sb_err err;
  sbl_wait_check(L);
  exchange *x = new_exchange(L);
  lua_toclose(L, 2); /* also where the task is cancelled */
  if (!start(L, x, &err))
    return sbl_fail(L, &err);
  return x->request ? sbl_wait_in(L, &x->waits, -1, request_results, 0) : request_results(L, LUA_OK, 0);
}

static int stream(lua_State *L)
{
  sb_err err;
  exchange *x = new_exchange(L);
  x->stream = true;
  if (!start(L, x, &err))
    return sbl_fail(L, &err);
  lua_settop(L, 2);
  return 1;
}

/* What has arrived, with the time of its last byte; at the end nil and, where it broke, the reason. */
static int read_results(lua_State *L, int how, lua_KContext context)
{
  (void)how;
  (void)context;
  exchange *x = luaL_checkudata(L, 1, TYPE);
  if (x->body.size) {
    lua_pushlstring(L, x->body.data, x->body.size);
    lua_pushinteger(L, x->t_last);
    sb_strbuf_clear(&x->body);
    return 2;
  }
  if (x->code)
    return push_failure(L, x);
  lua_pushnil(L);
  return 1;
}

static int read_stream(lua_State *L)
{
  exchange *x = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, !x->waits.first, 1, "another task reads this stream already");
  if (x->body.size || !x->request)
    return read_results(L, LUA_OK, 0);
  return sbl_wait_in(L, &x->waits, -1, read_results, 0);
}

static int get_status(lua_State *L)
{
  exchange *x = luaL_checkudata(L, 1, TYPE);
  lua_pushinteger(L, x->status);
  return 1;
}

static int close_stream(lua_State *L)
{
  exchange *x = luaL_checkudata(L, 1, TYPE);
  free_exchange(x);
  sbl_wake(&x->waits, SBL_WAKE_ALL);
  return 0;
}

/* trust(path): of certificates by which servers are trusted; nil, message, code where it cannot be read */
static int trust(lua_State *L)
{
  const char *path = sbl_check_name(L, 1);
  sb_err err;
  if (access(path, R_OK)) {
    sb_err_sys(&err, errno, "cannot read the certificates '%s'", path);
    return sbl_fail(L, &err);
  }
  sb_dialer_trust(path);
  lua_pushboolean(L, 1);
  return 1;
}

int sbl_open_http(lua_State *L)
{
  static const luaL_Reg methods[] = { { "read", read_stream },   { "status", get_status },
                                      { "close", close_stream }, { "__close", close_stream },
                                      { "__gc", close_stream },  { NULL, NULL } };
  static const luaL_Reg functions[] = {
    { "request", request }, { "stream", stream }, { "trust", trust }, { NULL, NULL }
  };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
