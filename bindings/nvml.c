#include "gpu/nvml.h"

#include <limits.h>

#include "sbl.h"

/* sb.nvml: what NVIDIA GPUs tell of their energy, clocks and limits. The library is opened once and closed with Lua. */

#define TYPE "specbench.nvml"

static int gc(lua_State *L)
{
  sb_nvml **nvml = luaL_checkudata(L, 1, TYPE);
  sb_nvml_free(*nvml);
  *nvml = NULL;
  return 0;
}

static sb_nvml *check_nvml(lua_State *L)
{
  sb_nvml **nvml = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, *nvml, 1, "closed");
  return *nvml;
}

static void set_seconds(lua_State *L, const char *name, bool is_known, uint64_t ns)
{
  if (!is_known)
    return;
  lua_pushnumber(L, (lua_Number)ns / 1e9);
  lua_setfield(L, -2, name);
}

static void push_reading(lua_State *L, const sb_gpu_reading *reading)
{
  lua_createtable(L, 0, 6);
  lua_pushstring(L, reading->uuid);
  lua_setfield(L, -2, "uuid");
  sbl_set_integer(L, "index", reading->index);
  if (reading->has_energy) {
    lua_pushnumber(L, (lua_Number)reading->energy_mj / 1e3);
    lua_setfield(L, -2, "joules");
  }
  if (reading->has_clock)
    sbl_set_integer(L, "sm_clock_mhz", reading->sm_clock_mhz);
  set_seconds(L, "power_limited_s", reading->has_power_limited, reading->power_limited_ns);
  set_seconds(L, "thermal_limited_s", reading->has_thermal_limited, reading->thermal_limited_ns);
}

/* read(gpu): gpu is a place on the PCI bus (from 0) or a UUID */
static int read_gpu(lua_State *L)
{
  const sb_nvml *nvml = check_nvml(L);
  sb_gpu_reading reading;
  sb_err err;
  int code;
  lua_Integer place = lua_isinteger(L, 2) ? lua_tointeger(L, 2) : 0;
  luaL_argcheck(L, place >= 0 && place <= INT_MAX, 2, "places are counted from 0");
  if (lua_isinteger(L, 2))
    code = sb_nvml_read(nvml, (unsigned)place, &reading, &err);
  else
    code = sb_nvml_read_uuid(nvml, luaL_checkstring(L, 2), &reading, &err);
  if (code)
    return sbl_fail(L, &err);
  push_reading(L, &reading);
  return 1;
}

static int count(lua_State *L)
{
  const sb_nvml *nvml = check_nvml(L);
  unsigned found;
  sb_err err;
  if (sb_nvml_count(nvml, &found, &err))
    return sbl_fail(L, &err);
  lua_pushinteger(L, found);
  return 1;
}

static int open_library(lua_State *L)
{
  sb_nvml **nvml = lua_newuserdatauv(L, sizeof *nvml, 0);
  *nvml = NULL;
  luaL_setmetatable(L, TYPE);
  sb_err err;
  *nvml = sb_nvml_open(&err);
  return *nvml ? 1 : sbl_fail(L, &err);
}

int sbl_open_nvml(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "read", read_gpu }, { "count", count }, { "__gc", gc }, { "__close", gc }, { NULL, NULL }
  };
  static const luaL_Reg functions[] = { { "open", open_library }, { NULL, NULL } };
  sbl_type(L, TYPE, methods);
  luaL_newlib(L, functions);
  return 1;
}
