#include "load_input.h"

#include "base/strbuf.h"
#include "load/arrivals.h"

void sbl_load_requests(lua_State *L, sb_load_request *out, uint32_t count, int anchor, lua_Integer first)
{
  int requests = lua_gettop(L);
  for (uint32_t i = 0; i < count; i++) {
    sb_load_request *request = &out[i];
    if (lua_rawgeti(L, requests, (lua_Integer)i + 1) != LUA_TTABLE)
      luaL_error(L, "requests must be tables: item %d is a %s", (int)i + 1, luaL_typename(L, -1));
    if (lua_getfield(L, -1, "body") != LUA_TSTRING)
      luaL_error(L, "request %d has no 'body' string", (int)i + 1);
    request->body = lua_tolstring(L, -1, &request->body_size);
    lua_rawseti(L, anchor, first + 2 * (lua_Integer)i);
    request->prompt_id = (uint32_t)sbl_opt_integer_field(L, -1, "prompt_id", i, 0, UINT32_MAX);
    request->max_tokens = (uint32_t)sbl_opt_integer_field(L, -1, "max_tokens", 0, 0, UINT32_MAX);
    request->prompt_tokens = sbl_opt_integer_field(L, -1, "prompt_tokens", -1, 0, UINT32_MAX);
    if (lua_getfield(L, -1, "headers") != LUA_TNIL) {
      request->headers = sbl_string_vector(L, -1, "request headers");
      lua_rawseti(L, anchor, first + 2 * (lua_Integer)i + 1);
    }
    lua_pop(L, 2);
  }
}

/* Times of the caller's own, the list on top of the stack. */
static int own_times(lua_State *L, int64_t *out, uint32_t count, sb_err *err)
{
  int list = lua_gettop(L);
  if (lua_rawlen(L, list) != count)
    return sb_err_set(err, SB_EINVAL, "there are %d times for %d requests", (int)lua_rawlen(L, list),
                      (int)count);
  for (uint32_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      return luaL_error(L, "times must be numbers: item %d is a %s", (int)i + 1, luaL_typename(L, -1));
    out[i] = sbl_seconds(L, lua_tonumber(L, -1), "a time");
    lua_pop(L, 1);
    if (i && out[i] < out[i - 1])
      return sb_err_set(err, SB_EINVAL, "times must be in order: item %d is before the one before it",
                        (int)i + 1);
  }
  return SB_OK;
}

int sbl_load_arrivals(lua_State *L, int64_t **out, uint32_t count, sb_err *err)
{
  static const char *const kinds[] = { "constant", "poisson", "gamma", NULL };
  int at = lua_gettop(L);
  luaL_checktype(L, at, LUA_TTABLE);
  if (lua_getfield(L, at, "times") == LUA_TTABLE) {
    *out = sb_calloc(count, sizeof **out);
    return own_times(L, *out, count, err);
  }
  lua_getfield(L, at, "kind");
  sb_arrivals kind = (sb_arrivals)luaL_checkoption(L, -1, "poisson", kinds);
  *out = sb_calloc(count, sizeof **out);
  return sb_arrivals_fill(
      kind, sbl_opt_number_field(L, at, "rate", 0), sbl_opt_number_field(L, at, "burstiness", 1),
      (uint64_t)sbl_opt_integer_field(L, at, "seed", 0, INT64_MIN, INT64_MAX), count, *out, err);
}

static int64_t seconds_field(lua_State *L, int index, const char *name)
{
  return sbl_seconds(L, sbl_opt_number_field(L, index, name, 0), name);
}

sb_deadlines sbl_load_deadlines(lua_State *L, int index)
{
  return (sb_deadlines){
    .request_ns = seconds_field(L, index, "timeout"),
    .first_token_ns = seconds_field(L, index, "first_token_timeout"),
    .chunk_ns = seconds_field(L, index, "chunk_timeout"),
    .load_ns = seconds_field(L, index, "cell_timeout"),
  };
}
