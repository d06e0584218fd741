/* Lua without memory: each allocation of a small script fails in turn, once or from then on. The script ends with
 * "not enough memory" or goes on, nothing crashes, and what C had allocated for it is freed. */

#include <lualib.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "measure_fixture.h"
#include "proc/supervisor.h"
#include "store/file.h"
#include "store/records.h"
#include "task.h"

#ifdef __SANITIZE_ADDRESS__
int __lsan_do_recoverable_leak_check(void);
#endif

typedef struct memory {
  size_t count;   /* allocations so far, while armed */
  size_t fail_at; /* 0: none fails */
  bool for_good;  /* all that follow fail too; else Lua's second try, after a collection, and no more */
  bool armed;
} memory;

typedef struct attempt {
  const char *script;
  memory memory;
  sbl_world world;
} attempt;

static char folder[] = "/tmp/no_memory-XXXXXX";
static sb_strbuf run_bytes;

static void *allocate(void *context, void *block, size_t old_size, size_t size)
{
  memory *m = context;
  if (size == 0) {
    free(block);
    return NULL;
  }
  bool grows = !block || size > old_size;
  if (m->armed && grows && m->fail_at && ++m->count >= m->fail_at &&
      (m->for_good || m->count < m->fail_at + 2))
    return NULL;
  return realloc(block, size);
}

static void open_modules(lua_State *L)
{
  static const luaL_Reg modules[] = { { "sb.task", sbl_open_task },
                                      { "sb.json", sbl_open_json },
                                      { "sb.fs", sbl_open_fs },
                                      { "sb.http", sbl_open_http },
                                      { "sb.proc", sbl_open_proc },
                                      { "sb.load", sbl_open_load },
                                      { "sb.stats", sbl_open_stats },
                                      { "sb.measure", sbl_open_measure },
                                      { "sb.signal", sbl_open_signal },
                                      { "sb.virtual", sbl_open_virtual },
                                      { "sb.prom", sbl_open_prom },
                                      { "sb.rng", sbl_open_rng },
                                      { NULL, NULL } };
  luaL_openlibs(L);
  for (const luaL_Reg *module = modules; module->name; module++) {
    luaL_requiref(L, module->name, module->func, 0);
    lua_setglobal(L, strchr(module->name, '.') + 1);
  }
  lua_pushlstring(L, run_bytes.data, run_bytes.size);
  lua_setglobal(L, "bytes");
  lua_pushstring(L, folder);
  lua_setglobal(L, "folder");
  lua_pushstring(L, PROFILES);
  lua_setglobal(L, "PROFILES");
}

static int run_script(lua_State *L)
{
  attempt *a = lua_touserdata(L, 1);
  open_modules(L);
  if (luaL_loadstring(L, a->script) != LUA_OK)
    return lua_error(L);
  a->memory.armed = true;
  sbl_task *task = sbl_task_spawn(L, 0);
  while (sbl_task_get_state(task) < SBL_TASK_FINISHED)
    if (!sb_loop_step(a->world.loop) && sbl_task_get_state(task) < SBL_TASK_FINISHED)
      return luaL_error(L, "the script waits for ever");
  a->memory.armed = false;
  sbl_task_push_result(L, task);
  return sbl_task_get_state(task) == SBL_TASK_FINISHED ? 0 : lua_error(L);
}

static int end_tasks(lua_State *L)
{
  sbl_task_cancel_all(L);
  return 0;
}

/* Returns whether all went well without memory running out. */
static bool run_once(const char *script, size_t fail_at, bool for_good)
{
  attempt a = { .script = script, .memory = { .fail_at = fail_at, .for_good = for_good } };
  a.world.loop = sb_loop_new();
  a.world.http = sb_http_new(a.world.loop, NULL);
  lua_State *L = a.world.main = lua_newstate(allocate, &a.memory);
  *(sbl_world **)lua_getextraspace(L) = &a.world;
  lua_pushcfunction(L, run_script);
  lua_pushlightuserdata(L, &a);
  int status = lua_pcall(L, 1, 0, 0);
  bool reached = a.memory.count >= fail_at;
  if (status != LUA_OK && !strstr(sbl_error_text(L), "not enough memory"))
    fail_msg("allocation %zu: %s", fail_at, sbl_error_text(L));
  a.memory.armed = false;
  lua_pushcfunction(L, end_tasks);
  assert_int_equal(LUA_OK, lua_pcall(L, 0, 0, 0));
  a.world.closing = true;
  lua_close(L);
  sb_http_free(a.world.http);
  sb_loop_free(a.world.loop);
  return !reached;
}

/* Bytes in use; 0 where they cannot be told exactly. */
static size_t used(void)
{
#ifdef __SANITIZE_ADDRESS__
  return 0;
#else
  struct mallinfo2 info = mallinfo2();
  return getenv("GLIBC_TUNABLES") ? info.uordblks + info.hblkhd : 0;
#endif
}

static void check(const char *script)
{
  for (int i = 0; i < 2; i++)
    assert_true(run_once(script, SIZE_MAX, false)); /* what libraries allocate once is there then */
  for (int for_good = 0; for_good < 2; for_good++) {
    for (size_t n = 1;; n++) {
      size_t before = used();
      bool through = run_once(script, n, for_good);
      if (used() != before)
        fail_msg("allocation %zu: %zd bytes are left", n, (ssize_t)(used() - before));
      if (through)
        break;
    }
  }
#ifdef __SANITIZE_ADDRESS__
  assert_false(__lsan_do_recoverable_leak_check()); /* too slow for each */
#endif
}

static void test_records(void **state)
{
  (void)state;
  check("local run = measure.decode(bytes)"
        "run:encode() run:jsonl() run:metrics({ ttft = 5 }, { 99 }) run:percentile('ttft_ms', 50)"
        "run:request(1) run:failures() run:acceptance(3) run:outputs() run:same_outputs(run) run:text(1)"
        "run:redact { 'secret' } measure.check(bytes) measure.decode('none')");
}

static void test_pairs(void **state)
{
  (void)state;
  check("local a, b = measure.decode(bytes), measure.decode(bytes)"
        "stats.pair(a, b) stats.within_run({ { a, b } }, 1) stats.between_prompts { { a, b }, { a, b } }"
        "local side = stats.decode_side(a, 1, true) if side then stats.decompose(side, side, 1) end");
}

static void test_statistics(void **state)
{
  (void)state;
  check("local found = stats.interval({ 0.1, 0.2, 0.3 }) stats.widen(found, 0.01, 3)"
        "stats.moderate { { values = { 0.1, 0.2, false } }, { values = { 0.1, 0.3, 0.2 }, server = 2 } }"
        "stats.adjust { 0.01, false, 0.5 } stats.verdict(found, 0.01, 0.02, 0.05)"
        "stats.judge({ tie = 0.02, cap = 5 }, { 0.1, 0.2, 0.3 })");
}

static void test_virtual(void **state)
{
  (void)state;
  check(
      "local s <close> = virtual.start { argv = { 'sim', '--profile', 'qwen2.5-7b', '--fault', 'http500@1' },"
      "  profiles = PROFILES }"
      "local run = s:load { requests = { { body = '{\"prompt\": \"a\", \"max_tokens\": 2}' },"
      "  { body = '{\"prompt\": \"b\", \"max_tokens\": 2}', headers = { 'C: d' } } }, keep_text = true,"
      "  url = '/v1/completions', arrivals = { kind = 'constant', rate = 10 } }"
      "s:metrics() s:given_up() s:exit_status() virtual.start { argv = { 'sim', '--profile', 'none' } }");
}

static void test_counters_and_draws(void **state)
{
  (void)state;
  check("prom.parse [[a{c=\"d\"} 1\ne 2]] rng.hash('x')"
        "local r = rng.new('seed') r:shuffle { 1, 2, 3 } r:gamma(2)");
}

static void test_load(void **state)
{
  (void)state;
  check("local l = load.start { url = 'http://127.0.0.1:1/', headers = { 'A: b' }, concurrency = 2,"
        "  requests = { { body = 'x' }, { body = 'y', headers = { 'C: d' } } },"
        "  arrivals = { kind = 'poisson', rate = 10000 } }"
        "l:wait(0) l:wait() l:progress() l:lag() local run = l:run() l:close()");
}

static void test_http(void **state)
{
  (void)state;
  check("http.request { url = 'http://127.0.0.1:1/', body = 'x', headers = { 'A: b' } }"
        "local s = http.stream { url = 'http://127.0.0.1:1/' } s:read() s:close()");
}

static void test_files(void **state)
{
  (void)state;
  check("local name = folder .. '/file'"
        "fs.write(name, ('x'):rep(3000)) fs.read(name) fs.gunzip(fs.gzip(('y'):rep(3000))) fs.list(folder)"
        "fs.read(folder .. '/none') fs.list(folder .. '/none') fs.sha256_file(name)"
        "local lock <close> = fs.lock(folder .. '/lock') proc.tail(name, 3) json.encode { a = { 1, 'b' } }");
}

static void test_tasks(void **state)
{
  (void)state;
  check("local s = signal.new()"
        "local t = task.spawn(function(...) s:wait() return ... end, 1, 'two')"
        "local u = task.spawn(function() task.sleep(0.001) error('three') end)"
        "local v <close> = task.spawn(function() local c <close> = setmetatable({}, { __close = function() "
        "return {} end })"
        "  task.sleep(9) end)"
        "task.sleep(0) s:notify() t:join() u:join() local w <close> = task.spawn(function() t:join() end)");
}

static void test_process(void **state)
{
  (void)state;
  check("local p <close> = proc.start { argv = { 'true' }, env = { A = 'b' }, log = folder .. '/log' }"
        "p:wait(9) p:wait_end() p:status()");
}

int main(int argc, char **argv)
{
  if (argc > 1 && !strcmp(argv[1], SB_SUPERVISE))
    return sb_supervisor_main(argc, argv);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_records), cmocka_unit_test(test_pairs),
    cmocka_unit_test(test_load),    cmocka_unit_test(test_http),
    cmocka_unit_test(test_files),   cmocka_unit_test(test_tasks),
    cmocka_unit_test(test_process), cmocka_unit_test(test_statistics),
    cmocka_unit_test(test_virtual), cmocka_unit_test(test_counters_and_draws),
  };
  sb_run *run = fixture_small_run();
  if (!mkdtemp(folder) || sb_records_write(run, &run_bytes))
    return 1;
  sb_run_free(run);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  sb_strbuf_deinit(&run_bytes);
  sb_tree_remove(folder, NULL);
  return failed;
}
