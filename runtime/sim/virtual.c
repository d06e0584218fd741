#include "sim/virtual.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/setup.h"
#include "sim/virtual_state.h"
#include "sim/virtual_trouble.h"

static int reject(const sb_sim_options *o, sb_err *err)
{
  const char *name = o->truth          ? "--truth"
                     : o->flood        ? "--flood"
                     : o->step_ms > 0  ? "--step-ms"
                     : o->speed != 1.0 ? "--speed"
                                       : NULL;
  if (sb_sim_faults_never_ready(&o->faults))
    return sb_err_set(err, SB_ETIMEOUT, "it is never ready (--fault never-ready)");
  return name ? sb_err_set(err, SB_EINVAL, "%s means nothing in virtual time", name) : SB_OK;
}

static int setup(sb_sim_virtual *s, const char *profiles_dir, sb_err *err)
{
  int rc = sb_sim_options_parse(&s->options, s->argc, s->argv, err);
  if (!rc)
    rc = reject(&s->options, err);
  if (!rc)
    rc = sb_sim_setup_profile(&s->profile, &s->options, profiles_dir, err);
  if (rc)
    return rc;
  sb_sim_config config = sb_sim_setup_engine(&s->options, &s->profile);
  s->engine = sb_sim_engine_new(&config);
  s->model = sb_sim_setup_model(&s->options, &s->profile);
  s->page = (sb_sim_prom_page){ .model = s->model, .k = config.k };
  s->now = s->engine_now = SB_NS_PER_S;
  s->exit_status = -1;
  return s->engine ? SB_OK : sb_err_set(err, SB_EINVAL, "these settings exclude each other");
}

sb_sim_virtual *sb_sim_virtual_new(int argc, char **argv, const char *profiles_dir, sb_err *err)
{
  sb_sim_virtual *s = sb_calloc(1, sizeof *s);
  s->argc = argc;
  s->argv = sb_calloc((size_t)argc + 1, sizeof *s->argv);
  for (int i = 0; i < argc; i++)
    s->argv[i] = sb_strdup(argv[i]);
  if (!setup(s, profiles_dir, err))
    return s;
  sb_sim_virtual_free(s);
  return NULL;
}

void sb_sim_virtual_free(sb_sim_virtual *s)
{
  if (!s)
    return;
  sb_sim_engine_free(s->engine);
  for (int i = 0; i < s->argc; i++)
    free(s->argv[i]);
  free(s->argv);
  free(s);
}

void sb_sim_virtual_metrics(const sb_sim_virtual *s, sb_strbuf *out)
{
  sb_sim_counters counters;
  sb_sim_engine_counters(s->engine, &counters);
  sb_sim_prom_page_put(&s->page, &counters, out);
}

int sb_sim_virtual_exit_status(const sb_sim_virtual *s)
{
  return s->exit_status;
}

const char *sb_sim_virtual_given_up(const sb_sim_virtual *s)
{
  return s->given_up ? sb_sim_trouble_given_up : NULL;
}
