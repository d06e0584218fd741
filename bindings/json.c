#include "base/json_write.h"
#include "sbl.h"

#include <string.h>

/* sb.json: Lua values as JSON text, integers exact to 64 bits, keys in a stated order. (lua-cjson reads; it
 * does not write results: it turns integers into 14-digit floats and guesses what `{}` is.) */

#define ARRAY_TYPE "specbench.base.json.array"

enum { MAX_DEPTH = 64, MAX_READ_DEPTH = 1000 /* as deep as lua-cjson reads */ };

static const char null_mark = 'n';

typedef struct writer {
  lua_State *L;
  sb_strbuf *out;
  int order; /* stack index of the key order for the outermost object; 0: sorted */
} writer;

static void write_value(writer *w, int index, int depth);

static void too_deep(lua_State *L, int levels)
{
  luaL_error(L, "a value is nested deeper than %d levels: does it contain itself?", levels);
}

static bool is_array(lua_State *L, int index)
{
  if (luaL_getmetafield(L, index, "__name") != LUA_TNIL) {
    bool marked = lua_isstring(L, -1) && !strcmp(lua_tostring(L, -1), ARRAY_TYPE);
    lua_pop(L, 1);
    if (marked)
      return true;
  }
  bool first = lua_rawgeti(L, index, 1) != LUA_TNIL;
  lua_pop(L, 1);
  return first;
}

static void write_array(writer *w, int index, int depth)
{
  lua_State *L = w->L;
  lua_Integer count = (lua_Integer)lua_rawlen(L, index);
  sb_strbuf_putc(w->out, '[');
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1)
      sb_strbuf_puts(w->out, ", ");
    lua_rawgeti(L, index, i);
    write_value(w, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
  }
  sb_strbuf_putc(w->out, ']');
}

static void write_member(writer *w, bool *first, int key, int value, int depth)
{
  size_t size;
  const char *name = lua_tolstring(w->L, key, &size);
  if (!*first)
    sb_strbuf_puts(w->out, ", ");
  *first = false;
  sb_json_put_string(w->out, name, size);
  sb_strbuf_puts(w->out, ": ");
  write_value(w, value, depth + 1);
}

/* Pushes the object's keys, sorted, as an array: the same text for the same table, on every run. */
static void push_sorted_keys(lua_State *L, int index)
{
  lua_newtable(L);
  int keys = lua_gettop(L);
  lua_Integer n = 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "an object's keys must be strings: found a %s beside them", luaL_typename(L, -1));
    lua_pushvalue(L, -1);
    lua_rawseti(L, keys, ++n);
  }
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, keys);
  lua_call(L, 1, 0);
  lua_settop(L, keys);
}

static void write_object(writer *w, int index, int depth)
{
  lua_State *L = w->L;
  bool first = true;
  if (depth == 0 && w->order)
    lua_pushvalue(L, w->order);
  else
    push_sorted_keys(L, index);
  int keys = lua_gettop(L);
  sb_strbuf_putc(w->out, '{');
  lua_Integer count = (lua_Integer)lua_rawlen(L, keys);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, keys, i);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, index) != LUA_TNIL)
      write_member(w, &first, lua_gettop(L) - 1, lua_gettop(L), depth);
    lua_pop(L, 2);
  }
  sb_strbuf_putc(w->out, '}');
  lua_settop(L, keys - 1);
}

static void write_value(writer *w, int index, int depth)
{
  lua_State *L = w->L;
  if (depth > MAX_DEPTH)
    too_deep(L, MAX_DEPTH);
  luaL_checkstack(L, 8, "JSON nesting");
  switch (lua_type(L, index)) {
  case LUA_TNIL: sb_strbuf_puts(w->out, "null"); return;
  case LUA_TBOOLEAN: sb_strbuf_puts(w->out, lua_toboolean(L, index) ? "true" : "false"); return;
  case LUA_TNUMBER:
    if (lua_isinteger(L, index))
      sb_json_put_int(w->out, lua_tointeger(L, index));
    else
      sb_json_put_double(w->out, lua_tonumber(L, index));
    return;
  case LUA_TSTRING: {
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    sb_json_put_string(w->out, text, size);
    return;
  }
  case LUA_TTABLE:
    if (is_array(L, index))
      write_array(w, index, depth);
    else
      write_object(w, index, depth);
    return;
  case LUA_TLIGHTUSERDATA: /* this module's null and lua-cjson's (a NULL pointer) */
    sb_strbuf_puts(w->out, "null");
    return;
  default: luaL_error(L, "a %s cannot be written as JSON", luaL_typename(L, index));
  }
}

static int encode(lua_State *L)
{
  luaL_checkany(L, 1);
  if (!lua_isnoneornil(L, 2))
    luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  sb_strbuf *out = sbl_push_buffer(L);
  writer w = { .L = L, .out = out, .order = lua_istable(L, 2) ? 2 : 0 };
  write_value(&w, 1, 0);
  return sbl_push_text(L, out);
}

/* Marks a table as an array, so that it is one also while empty. */
static int array(lua_State *L)
{
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, ARRAY_TYPE);
  return 1;
}

/* The table on top of the stack, as plain() leaves it. */
static void make_plain(lua_State *L, int depth)
{
  int table = lua_gettop(L);
  if (depth > MAX_READ_DEPTH)
    too_deep(L, MAX_READ_DEPTH);
  luaL_checkstack(L, 5, "JSON nesting");
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int is_whole = 0;
    lua_Integer whole;
    switch (lua_type(L, -1)) {
    case LUA_TTABLE: make_plain(L, depth + 1); break;
    case LUA_TNUMBER:
      whole = lua_tointegerx(L, -1, &is_whole);
      if (is_whole && !lua_isinteger(L, -1)) {
        lua_pushvalue(L, -2);
        lua_pushinteger(L, whole);
        lua_rawset(L, table);
      }
      break;
    case LUA_TLIGHTUSERDATA: {
      bool is_object = lua_type(L, -2) == LUA_TSTRING;
      lua_pushvalue(L, -2);
      if (is_object)
        lua_pushnil(L);
      else
        lua_pushlightuserdata(L, (void *)&null_mark);
      lua_rawset(L, table);
      break;
    }
    default: break;
    }
    lua_pop(L, 1);
  }
}

/* What lua-cjson read: whole numbers become integers, and null an absent field. In an array it would shift what
 * follows, so it stays null there. */
static int plain(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  make_plain(L, 1);
  return 1;
}

/* How long the escape at a backslash is of whose character a terminal takes no notice, or of a separator; 0: another. */
static size_t harmless_escape(const char *at, size_t left, lua_Integer *separators)
{
  static const char separator[] = "\\u001f";
  if (left >= 2 && strchr("\\\"/nt", at[1]) && at[1])
    return 2;
  if (left < sizeof separator - 1 || memcmp(at, separator, sizeof separator - 1) != 0)
    return 0;
  ++*separators;
  return sizeof separator - 1;
}

static int is_printable(lua_State *L)
{
  size_t size, length = 1;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer wanted = luaL_optinteger(L, 2, 0), separators = 0;
  for (size_t i = 0; i < size; i += length) {
    unsigned char byte = (unsigned char)text[i];
    length = byte == '\\' ? harmless_escape(text + i, size - i, &separators)
                          : (byte >= ' ' && byte < 127) || byte == '\n' || byte == '\t';
    if (length == 0)
      break;
  }
  lua_pushboolean(L, length != 0 && separators == wanted);
  return 1;
}

int sbl_open_json(lua_State *L)
{
  static const luaL_Reg no_methods[] = { { NULL, NULL } };
  static const luaL_Reg functions[] = { { "encode", encode },
                                        { "array", array },
                                        { "plain", plain },
                                        { "is_printable", is_printable },
                                        { NULL, NULL } };
  sbl_type(L, ARRAY_TYPE, no_methods);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, (void *)&null_mark);
  lua_setfield(L, -2, "null");
  return 1;
}
