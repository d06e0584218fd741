#ifndef SBL_H
#define SBL_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "net/http.h"
#include "net/loop.h"

/* What the files of bindings/ share: the state of one Lua world, and how C answers Lua.
 *
 * Errors: an operational failure is `nil, message, code` (sbl_fail); misuse raises. */

typedef struct sbl_world {
  sb_loop *loop;
  sb_http *http;
  struct sbl_turn *turn; /* of the task being resumed (wait.h); NULL between */
  bool closing;          /* Lua's state is being closed: nothing may be started any more */
  lua_State *main;       /* the state itself, for callbacks that come from the loop */
} sbl_world;

sbl_world *sbl_world_of(lua_State *L);

/* Raises where the state is being closed: what a finalizer starts then would outlive its userdata. */
void sbl_check_open(lua_State *L);

/* The error on top of the stack as text, in its place: its string where it has one that can be had. */
const char *sbl_error_text(lua_State *L);

/* Pushes nil, err->text and the code's name; returns 3. */
int sbl_fail(lua_State *L, const sb_err *err);

/* Registers a userdata type: `methods` (with __gc, __close, __tostring among them) become its metatable, which
 * is its own __index. */
void sbl_type(lua_State *L, const char *name, const luaL_Reg *methods);

/* The string argument at `index`, which names a file or a host. Raises one line where it is none or holds a zero byte:
 * C would take what is before it. */
const char *sbl_check_name(lua_State *L, int index);

/* Raises one line where the string on top of the stack holds a zero byte; `what` says whose it is. */
void sbl_refuse_zero(lua_State *L, const char *what);

/* Checks and reads a field of the table at `index`; absent fields give the fallback, other types (and a string with a
 * zero byte) raise an error that names the field. A string lives as long as the table has it. */
const char *sbl_opt_string_field(lua_State *L, int index, const char *field, const char *fallback);
double sbl_opt_number_field(lua_State *L, int index, const char *field, double fallback);
int64_t sbl_opt_integer_field(lua_State *L, int index, const char *field, int64_t fallback, int64_t low,
                              int64_t high);
bool sbl_opt_bool_field(lua_State *L, int index, const char *field, bool fallback);

/* Raises an error that names the key where the table at `index` (an absolute one) has one that is none of `known`,
 * which ends with NULL and stands in the message as `list`. */
void sbl_only_fields(lua_State *L, int index, const char *const known[], const char *list);

/* Sets a field of the table on top of the stack; a figure that is not known (NaN) leaves it absent. */
void sbl_set_number(lua_State *L, const char *field, double value);
void sbl_set_integer(lua_State *L, const char *field, lua_Integer value);

/* Seconds (a Lua number) as nanoseconds; negative, NaN and over 100 years raise. */
int64_t sbl_seconds(lua_State *L, double seconds, const char *what);

/* An array of strings at `index` as a NULL-terminated vector in a new userdata, which is pushed and anchors the
 * strings. NULL (and nil pushed) where the value is nil. Raises where one holds a zero byte. */
const char **sbl_string_vector(lua_State *L, int index, const char *what);

/* Pushes an empty buffer that the collector frees: where Lua raises for want of memory, nothing leaks. */
sb_strbuf *sbl_push_buffer(lua_State *L);

/* Pushes the buffer's text as a string and empties it; returns 1. */
int sbl_push_text(lua_State *L, sb_strbuf *buffer);

/* Modules, opened by require "sb.NAME". */
int sbl_open_task(lua_State *L);
int sbl_open_clock(lua_State *L);
int sbl_open_rng(lua_State *L);
int sbl_open_json(lua_State *L);
int sbl_open_linear(lua_State *L);
int sbl_open_fs(lua_State *L);
int sbl_open_http(lua_State *L);
int sbl_open_proc(lua_State *L);
int sbl_open_load(lua_State *L);
int sbl_open_virtual(lua_State *L);
int sbl_open_measure(lua_State *L);
int sbl_open_stats(lua_State *L);
int sbl_open_prom(lua_State *L);
int sbl_open_nvml(lua_State *L);
int sbl_open_signal(lua_State *L);

#endif
