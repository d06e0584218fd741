#include "sbl.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

sbl_world *sbl_world_of(lua_State *L)
{
  return *(sbl_world **)lua_getextraspace(L);
}

void sbl_check_open(lua_State *L)
{
  if (sbl_world_of(L)->closing)
    luaL_error(L, "nothing can be started while the program ends");
}

static int to_text(lua_State *L)
{
  luaL_tolstring(L, 1, NULL);
  return 1;
}

const char *sbl_error_text(lua_State *L)
{
  lua_pushcfunction(L, to_text);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) /* its __tostring failed, or there is no memory */
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error whose text cannot be had";
  return lua_tostring(L, -1);
}

int sbl_fail(lua_State *L, const sb_err *err)
{
  lua_pushnil(L);
  lua_pushstring(L, err->text);
  lua_pushstring(L, sb_code_name(err->code));
  return 3;
}

static int free_buffer(lua_State *L)
{
  sb_strbuf_deinit(lua_touserdata(L, 1));
  return 0;
}

sb_strbuf *sbl_push_buffer(lua_State *L)
{
  static const char type[] = "specbench.buffer";
  if (luaL_getmetatable(L, type) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_buffer);
    lua_setfield(L, -2, "__gc");
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, type);
  }
  sb_strbuf *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
  sb_strbuf_init(buffer);
  lua_rotate(L, -2, 1);
  lua_setmetatable(L, -2);
  return buffer;
}

int sbl_push_text(lua_State *L, sb_strbuf *buffer)
{
  lua_pushlstring(L, buffer->data ? buffer->data : "", buffer->size);
  sb_strbuf_deinit(buffer);
  return 1;
}

void sbl_type(lua_State *L, const char *name, const luaL_Reg *methods)
{
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/* Pushes the field where it is there; otherwise pushes nothing and returns false. */
static bool push_field(lua_State *L, int index, const char *field, int type)
{
  int found = lua_getfield(L, index, field);
  if (found == LUA_TNIL) {
    lua_pop(L, 1);
    return false;
  }
  if (found != type)
    luaL_error(L, "field '%s' must be a %s, not a %s", field, lua_typename(L, type), lua_typename(L, found));
  return true;
}

/* Without a place in a script: it is the text that is wrong, wherever it came from. */
void sbl_refuse_zero(lua_State *L, const char *what)
{
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  if (strlen(text) == size)
    return;
  lua_pushfstring(L, "%s holds a zero byte behind '%s': take it out", what, text);
  lua_error(L);
}

const char *sbl_check_name(lua_State *L, int index)
{
  const char *name = luaL_checkstring(L, index);
  lua_pushvalue(L, index);
  sbl_refuse_zero(L, "a name");
  lua_pop(L, 1);
  return name;
}

const char *sbl_opt_string_field(lua_State *L, int index, const char *field, const char *fallback)
{
  index = lua_absindex(L, index);
  if (!push_field(L, index, field, LUA_TSTRING))
    return fallback;
  sbl_refuse_zero(L, field);
  const char *value = lua_tostring(L, -1);
  lua_pushstring(L, field);
  lua_insert(L, -2);
  lua_rawset(L, index); /* which anchors it, also where the table's metatable had just made it */
  return value;
}

double sbl_opt_number_field(lua_State *L, int index, const char *field, double fallback)
{
  if (!push_field(L, index, field, LUA_TNUMBER))
    return fallback;
  double value = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

int64_t sbl_opt_integer_field(lua_State *L, int index, const char *field, int64_t fallback, int64_t low,
                              int64_t high)
{
  if (!push_field(L, index, field, LUA_TNUMBER))
    return fallback;
  int whole;
  int64_t value = lua_tointegerx(L, -1, &whole);
  if (!whole || value < low || value > high)
    luaL_error(L, "field '%s' must be a whole number from %I to %I, not %s", field, (LUAI_UACINT)low,
               (LUAI_UACINT)high, luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
  return value;
}

bool sbl_opt_bool_field(lua_State *L, int index, const char *field, bool fallback)
{
  if (!push_field(L, index, field, LUA_TBOOLEAN))
    return fallback;
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static bool is_among(const char *word, const char *const list[])
{
  while (*list && strcmp(*list, word) != 0)
    list++;
  return *list != NULL;
}

void sbl_only_fields(lua_State *L, int index, const char *const known[], const char *list)
{
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    if (!key || !is_among(key, known))
      luaL_error(L, "unknown key '%s'; known: %s", key ? key : luaL_typename(L, -2), list);
  }
}

void sbl_set_number(lua_State *L, const char *field, double value)
{
  if (isnan(value))
    return;
  lua_pushnumber(L, value);
  lua_setfield(L, -2, field);
}

void sbl_set_integer(lua_State *L, const char *field, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, field);
}

int64_t sbl_seconds(lua_State *L, double seconds, const char *what)
{
  const double century = 100 * 365.25 * 86400;
  if (!(seconds >= 0) || seconds > century)
    luaL_error(L, "%s must be a number of seconds, from 0 to a hundred years, not %f", what, seconds);
  return (int64_t)llround(seconds * (double)SB_NS_PER_S);
}

const char **sbl_string_vector(lua_State *L, int index, const char *what)
{
  index = lua_absindex(L, index);
  if (lua_isnoneornil(L, index)) {
    lua_pushnil(L);
    return NULL;
  }
  luaL_checktype(L, index, LUA_TTABLE);
  lua_Unsigned count = lua_rawlen(L, index);
  const char **vector = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *vector, 1);
  lua_createtable(L, (int)count, 0); /* the script may change its own table while the vector is in use */
  for (lua_Unsigned i = 0; i < count; i++) {
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TSTRING)
      luaL_error(L, "%s must be strings: item %d is a %s", what, (int)i + 1, luaL_typename(L, -1));
    sbl_refuse_zero(L, what);
    vector[i] = lua_tostring(L, -1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setiuservalue(L, -2, 1);
  vector[count] = NULL;
  return vector;
}
