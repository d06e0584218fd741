#include "sim/main.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/file_limit.h"
#include "base/log.h"
#include "sim/options.h"
#include "sim/profile.h"
#include "sim/server.h"
#include "sim/setup.h"

typedef struct run {
  sb_sim_options options;
  sb_sim_profile profile;
  sb_sim_server *server;
  uv_signal_t term, interrupt;
} run;

static void on_listening(void *context, int port)
{
  const run *r = context;
  const char *host = r->options.host;
  printf(strchr(host, ':') ? "specbench sim: listening on http://[%s]:%d (profile %s, k %lld, speed %g)\n"
                           : "specbench sim: listening on http://%s:%d (profile %s, k %lld, speed %g)\n",
         host, port, r->profile.name, (long long)r->options.k, r->options.speed);
  fflush(stdout);
}

/* Closes all there is: the loop then ends by itself. */
static void stop(run *r)
{
  sb_sim_server_free(r->server);
  r->server = NULL;
  if (!uv_is_closing((uv_handle_t *)&r->term)) {
    uv_close((uv_handle_t *)&r->term, NULL);
    uv_close((uv_handle_t *)&r->interrupt, NULL);
  }
}

static void on_signal(uv_signal_t *handle, int number)
{
  (void)number;
  stop(handle->data);
}

static int serve(run *r, sb_err *err)
{
  sb_loop *loop = sb_loop_new();
  if (!loop)
    return sb_err_set(err, SB_EIO, "cannot start the event loop");
  uv_signal_init(sb_loop_uv(loop), &r->term);
  uv_signal_init(sb_loop_uv(loop), &r->interrupt);
  r->term.data = r->interrupt.data = r;
  uv_signal_start(&r->term, on_signal, SIGTERM);
  uv_signal_start(&r->interrupt, on_signal, SIGINT);
  r->server = sb_sim_server_new(loop, &r->options, &r->profile, on_listening, r, err);
  bool started = r->server;
  while (r->server && !sb_sim_server_gave_up(r->server))
    sb_loop_step(loop);
  bool stopped = !r->server;
  stop(r);
  sb_loop_free(loop);
  if (!started)
    return SB_EIO;
  return stopped ? SB_OK : sb_err_set(err, SB_EIO, "the server stopped by itself");
}

int sb_sim_main(int argc, char **argv, const char *profiles_dir)
{
  run r = { 0 };
  sb_err err = { 0 };
  sb_log_init_from_environment();
  int rc = sb_sim_options_parse(&r.options, argc, argv, &err);
  if (rc) {
    sb_tell(" sim: %s", err.text);
    return 2;
  }
  if (r.options.help) {
    sb_sim_options_help();
    return 0;
  }
  if (!sb_file_limit_raise())
    sb_log(SB_LOG_WARNING, "the limit of open files stays at its soft value");
  signal(SIGPIPE, SIG_IGN);
  rc = sb_sim_setup_profile(&r.profile, &r.options, profiles_dir, &err);
  if (!rc)
    rc = serve(&r, &err);
  if (rc)
    sb_tell(" sim: %s", err.text);
  return rc ? 1 : 0;
}
