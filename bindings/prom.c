#include "net/prom.h"

#include "sbl.h"

/* parse(text) -> { ["name{labels}"] = value }: keys as the server writes them, without the braces where a
 * sample has no labels. */
static int parse(lua_State *L)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  sb_prom prom;
  sb_prom_sample sample;
  lua_newtable(L);
  sb_prom_init(&prom, text, size);
  while (sb_prom_next(&prom, &sample)) {
    luaL_Buffer key;
    luaL_buffinit(L, &key);
    luaL_addlstring(&key, sample.name, sample.name_size);
    if (sample.labels_size) {
      luaL_addchar(&key, '{');
      luaL_addlstring(&key, sample.labels, sample.labels_size);
      luaL_addchar(&key, '}');
    }
    luaL_pushresult(&key);
    lua_pushnumber(L, sample.value);
    lua_rawset(L, -3);
  }
  return 1;
}

int sbl_open_prom(lua_State *L)
{
  static const luaL_Reg functions[] = { { "parse", parse }, { NULL, NULL } };
  luaL_newlib(L, functions);
  return 1;
}
