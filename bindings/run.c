#include "run.h"

sbl_run_box *sbl_check_run_box(lua_State *L, int index)
{
  sbl_run_box *box = luaL_checkudata(L, index, SBL_RUN_TYPE);
  luaL_argcheck(L, box->run, index, "the run was collected");
  return box;
}

sb_run *sbl_check_run(lua_State *L, int index)
{
  return sbl_check_run_box(L, index)->run;
}

sb_run **sbl_push_run(lua_State *L)
{
  sbl_run_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (sbl_run_box){ 0 };
  luaL_setmetatable(L, SBL_RUN_TYPE);
  return &box->run;
}

void sbl_forget_latencies(sbl_run_box *box)
{
  sb_latencies_deinit(&box->latencies);
  box->gathered = false;
}

/* What a run takes, roughly. */
static size_t bytes_of(const sb_run *run)
{
  size_t bytes = run->count * sizeof *run->records;
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    bytes += record->timeline.capacity + record->others.capacity + record->text_size;
  }
  return bytes;
}

int sbl_give_run(lua_State *L, const sb_run *run)
{
  /* to the collector a run is a pointer: without its weight thousands of them would wait for their end */
  lua_gc(L, LUA_GCSTEP, (int)(bytes_of(run) / 1024) + 1);
  return 1;
}

int sbl_free_run(lua_State *L)
{
  sbl_run_box *box = luaL_checkudata(L, 1, SBL_RUN_TYPE);
  sbl_forget_latencies(box);
  sb_run_free(box->run);
  box->run = NULL;
  return 0;
}
