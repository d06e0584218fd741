#include "interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "exit_status.h"

enum {
  PATIENCE_S = 1, /* for code that comes back to the loop by itself; what is stuck is woken again */
  UNWINDING_INSTRUCTIONS = 10000000 /* that <close> variables have after the first error */
};

static volatile sig_atomic_t interrupted; /* 2: for so long that what runs is stopped */
static volatile sig_atomic_t let_run, watching;
static bool raised;
static lua_State *volatile target;
static pthread_t thread;
static uv_async_t wake;

static void stop_lua(lua_State *L, lua_Debug *place)
{
  (void)place;
  if (let_run) {
    lua_sethook(L, NULL, 0, 0);
  } else if (lua_isyieldable(L)) {
    lua_yield(L, 0); /* no pcall catches it; whoever closes the coroutine closes its variables */
  } else {
    /* What caught the first error runs on; from the second on it does so for no instruction that can be yielded. */
    lua_sethook(L, stop_lua, LUA_MASKCOUNT, raised ? 1 : UNWINDING_INSTRUCTIONS);
    raised = true;
    luaL_error(L, "interrupted");
  }
}

static void stop_target(void)
{
  if (target && interrupted == 2 && !let_run)
    lua_sethook(target, stop_lua, LUA_MASKCOUNT, 1);
}

static void on_signal(int number)
{
  int saved = errno;
  if (!pthread_equal(pthread_self(), thread)) {
    pthread_kill(thread, number); /* Lua's state is that thread's */
  } else if (interrupted && number != SIGALRM) {
    _exit(SBL_EXIT_INTERRUPTED);
  } else {
    interrupted = number == SIGALRM ? 2 : 1;
    if (watching)
      uv_async_send(&wake);
    stop_target();
    alarm(PATIENCE_S);
  }
  errno = saved;
}

static void on_wake(uv_async_t *async)
{
  (void)async; /* the loop runs: its owner asks */
}

void sbl_interrupt_watch(sbl_world *world)
{
  static const int numbers[] = { SIGINT, SIGTERM, SIGALRM };
  struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: a write that is stuck has to end */
  thread = pthread_self();
  watching = uv_async_init(sb_loop_uv(world->loop), &wake, on_wake) == 0;
  if (watching)
    uv_unref((uv_handle_t *)&wake);
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    sigaddset(&action.sa_mask, numbers[i]);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    sigaction(numbers[i], &action, NULL);
}

void sbl_interrupt_unwatch(void)
{
  bool watched = watching;
  target = NULL;
  watching = 0; /* before the handle closes: a signal may come in between */
  if (watched)
    uv_close((uv_handle_t *)&wake, NULL);
}

bool sbl_interrupted(void)
{
  return interrupted;
}

void sbl_interrupt_leave(lua_State *L)
{
  target = L;
}

lua_State *sbl_interrupt_enter(lua_State *L)
{
  lua_State *before = target;
  target = L;
  stop_target(); /* the signal may have come just before */
  return before;
}

bool sbl_interrupt_stops(void)
{
  return interrupted == 2;
}

void sbl_interrupt_let_run(void)
{
  let_run = 1;
}
