#include "sim/profile.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "sim/fields.h"

enum { MAX_EXTENDS = 4 };
#define MAX_FIGURE 1e12

typedef struct loader {
  sb_sim_profile *profile;
  bool method_found;
  sb_err *err;
} loader;

static loader *context_of(const sb_fields *f)
{
  return f->context;
}

static void cost_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_cost *cost = target;
  const struct {
    const char *name;
    double *at;
  } figures[] = {
    { "alpha", &cost->alpha },
    { "beta", &cost->beta },
    { "gamma", &cost->gamma },
    { "delta", &cost->delta },
    { "epsilon", &cost->epsilon },
    { "bend", &cost->bend },
    { "bend_at", &cost->bend_at },
    { "prefill_base", &cost->prefill_base },
    { "prefill_token", &cost->prefill_token },
    { "prefill_request", &cost->prefill_request },
    { "request_overhead", &cost->request_overhead },
  };
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
    if (sb_json_is(key, figures[i].name)) {
      *figures[i].at = sb_fields_number(f, 0.0, MAX_FIGURE);
      return;
    }
  sb_fields_fail(f, "is not a figure of a cost");
}

static void limits_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_profile *profile = target;
  if (sb_json_is(key, "max_num_seqs"))
    profile->max_num_seqs = (int)sb_fields_count(f, 1 << 20);
  else if (sb_json_is(key, "max_model_len"))
    profile->max_model_len = (int)sb_fields_count(f, 1 << 30);
  else if (sb_json_is(key, "max_num_batched_tokens"))
    profile->max_num_batched_tokens = (int)sb_fields_count(f, 1 << 30);
  else if (sb_json_is(key, "chunked_prefill_tokens"))
    profile->chunked_prefill_tokens = (int)sb_fields_count(f, 1 << 30);
  else if (sb_json_is(key, "kv_capacity_tokens"))
    profile->kv_capacity_tokens = sb_fields_count(f, INT64_C(1) << 50);
  else
    sb_fields_fail(f, "is not a limit");
}

static void host_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_profile *profile = target;
  if (sb_json_is(key, "step"))
    profile->host_step = sb_fields_number(f, 0.0, MAX_FIGURE);
  else if (sb_json_is(key, "assumed"))
    profile->host_assumed = sb_fields_flag(f);
  else
    sb_fields_fail(f, "is not a figure of the host");
}

/* The task of that name, added if it is new; "default" stands first from the start. NULL: failed. */
static sb_sim_task *task_named(sb_fields *f, const sb_json_string_t *key)
{
  sb_sim_profile *profile = context_of(f)->profile;
  char name[sizeof profile->tasks[0].name];
  if (key->escaped || key->size == 0 || key->size >= sizeof name) {
    sb_fields_fail(f, "a task's name must have 1 to 47 plain characters");
    return NULL;
  }
  memcpy(name, key->raw, key->size);
  name[key->size] = '\0';
  for (int i = 0; i < profile->task_count; i++)
    if (strcasecmp(profile->tasks[i].name, name) == 0)
      return &profile->tasks[i];
  if (profile->task_count == SB_SIM_MAX_TASKS) {
    sb_fields_fail(f, "too many tasks (64 at most)");
    return NULL;
  }
  sb_sim_task *task = &profile->tasks[profile->task_count++];
  memset(task, 0, sizeof *task);
  memcpy(task->name, name, key->size + 1);
  return task;
}

static void output_figure(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_task *task = target;
  if (sb_json_is(key, "mean"))
    task->output_mean = sb_fields_number(f, 1.0, MAX_FIGURE);
  else if (sb_json_is(key, "spread"))
    task->output_spread = sb_fields_number(f, 0.0, 10.0);
  else
    sb_fields_fail(f, "is not a figure of an output length");
}

static void output_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  (void)target;
  sb_sim_task *task = task_named(f, key);
  if (task)
    sb_fields_object(f, output_figure, task);
}

/* Positions beyond the list repeat its last figure. */
static void read_conditional(sb_fields *f, sb_sim_task *task)
{
  int count = sb_fields_numbers(f, task->conditional, SB_SIM_MAX_K, 0.0, 1.0);
  for (int i = count; count > 0 && i < SB_SIM_MAX_K; i++)
    task->conditional[i] = task->conditional[count - 1];
}

static void acceptance_figure(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_task *task = target;
  if (sb_json_is(key, "conditional"))
    read_conditional(f, task);
  else if (sb_json_is(key, "draft_rate"))
    task->draft_rate = sb_fields_number(f, 1e-9, 1.0);
  else if (sb_json_is(key, "assumed"))
    task->assumed = sb_fields_flag(f);
  else
    sb_fields_fail(f, "is not a figure of an acceptance");
}

static void acceptance_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  (void)target;
  sb_sim_task *task = task_named(f, key);
  if (!task)
    return;
  task->draft_rate = 1.0;
  task->assumed = false;
  task->conditional[0] = -1.0;
  sb_fields_object(f, acceptance_figure, task);
  if (task->conditional[0] < 0.0)
    sb_fields_fail(f, "needs conditional: [p, ...]");
}

static void method_figure(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_profile *profile = target;
  if (sb_json_is(key, "source")) {
    size_t size = strlen(profile->source);
    int added = snprintf(profile->source + size, sizeof profile->source - size, "%s%s: ", size ? " " : "",
                         profile->method);
    if (added < 0 || size + (size_t)added >= sizeof profile->source)
      sb_fields_fail(f, "leaves no room beside the profile's source");
    else
      sb_fields_text(f, profile->source + size + added, sizeof profile->source - size - (size_t)added);
  } else if (sb_json_is(key, "cost")) {
    sb_fields_object(f, cost_member, &profile->speculative);
  } else if (sb_json_is(key, "acceptance")) {
    sb_fields_object(f, acceptance_member, NULL);
  } else {
    sb_fields_fail(f, "is not a field of a method");
  }
}

static void methods_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_profile *profile = target;
  if (!sb_json_is(key, profile->method)) {
    sb_json_skip(&f->json);
    return;
  }
  context_of(f)->method_found = true;
  sb_fields_object(f, method_figure, profile);
}

static void profile_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  sb_sim_profile *profile = target;
  if (sb_json_is(key, "name"))
    sb_fields_text(f, profile->name, sizeof profile->name);
  else if (sb_json_is(key, "source"))
    sb_fields_text(f, profile->source, sizeof profile->source);
  else if (sb_json_is(key, "scaled"))
    profile->scaled = sb_fields_flag(f);
  else if (sb_json_is(key, "limits"))
    sb_fields_object(f, limits_member, profile);
  else if (sb_json_is(key, "plain"))
    sb_fields_object(f, cost_member, &profile->plain);
  else if (sb_json_is(key, "host"))
    sb_fields_object(f, host_member, profile);
  else if (sb_json_is(key, "output"))
    sb_fields_object(f, output_member, NULL);
  else if (sb_json_is(key, "methods"))
    sb_fields_object(f, methods_member, profile);
  else if (sb_json_is(key, "extends") || sb_json_is(key, "default_method"))
    sb_json_skip(&f->json);
  else
    sb_fields_fail(f, "is not a field of a profile");
}

typedef struct heading {
  char extends[64], default_method[32];
} heading;

static void heading_member(sb_fields *f, const sb_json_string_t *key, void *target)
{
  heading *h = target;
  if (sb_json_is(key, "extends"))
    sb_fields_text(f, h->extends, sizeof h->extends);
  else if (sb_json_is(key, "default_method"))
    sb_fields_text(f, h->default_method, sizeof h->default_method);
  else
    sb_json_skip(&f->json);
}

static int load_layer(loader *l, const char *path, const char *method, int depth);

/* Reads the profile that this one extends, NAME.json beside it. */
static int load_base(loader *l, const char *path, const char *name, const char *method, int depth)
{
  if (strchr(name, '/') || depth == MAX_EXTENDS)
    return sb_err_set(l->err, SB_EPARSE,
                      "%s: extends: must name a profile of the same folder, %d deep at "
                      "most",
                      path, MAX_EXTENDS);
  const char *slash = strrchr(path, '/');
  sb_strbuf base = { 0 };
  sb_strbuf_printf(&base, "%.*s%s.json", (int)(slash ? slash - path + 1 : 0), path, name);
  int rc = load_layer(l, base.data, method, depth + 1);
  sb_strbuf_deinit(&base);
  return rc;
}

/* The method must be known before the base is read: its figures are the base's, overlaid. */
static int load_layer(loader *l, const char *path, const char *method, int depth)
{
  sb_fields f;
  heading h = { .extends = "" };
  if (sb_fields_open(&f, path, l->err) == SB_OK)
    sb_fields_read(&f, heading_member, &h);
  f.context = l;
  if (!method && h.default_method[0])
    method = h.default_method;
  if (f.rc == SB_OK && h.extends[0])
    f.rc = load_base(l, path, h.extends, method, depth);
  if (method)
    snprintf(l->profile->method, sizeof l->profile->method, "%s", method);
  if (f.rc == SB_OK)
    sb_fields_read(&f, profile_member, l->profile);
  return sb_fields_close(&f);
}

/* Completes tasks that have only one half, acceptance or output, with the default's other half. */
static int finish(sb_sim_profile *profile, const char *path, bool found, sb_err *err)
{
  const struct {
    const char *name;
    bool missing;
  } required[] = {
    { "name", !profile->name[0] },
    { "source", !profile->source[0] },
    { "default_method", !profile->method[0] },
    { "limits.max_num_seqs", !profile->max_num_seqs },
    { "limits.max_model_len", !profile->max_model_len },
    { "limits.max_num_batched_tokens", !profile->max_num_batched_tokens },
    { "limits.chunked_prefill_tokens", !profile->chunked_prefill_tokens },
    { "limits.kv_capacity_tokens", !profile->kv_capacity_tokens },
    { "plain.alpha", !(profile->plain.alpha > 0.0) },
    { "output.default.mean", !(profile->tasks[0].output_mean > 0.0) },
  };
  for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
    if (required[i].missing)
      return sb_err_set(err, SB_EPARSE, "%s: %s: is missing", path, required[i].name);
  if (profile->host_step > profile->plain.alpha)
    return sb_err_set(err, SB_EPARSE, "%s: host.step: must not be above plain.alpha, of which it is a part",
                      path);
  if (!found || !(profile->speculative.alpha > 0.0) || !(profile->tasks[0].draft_rate > 0.0))
    return sb_err_set(err, SB_EPARSE, "%s: methods.%s: %s", path, profile->method,
                      found ? "needs cost.alpha and acceptance.default"
                            : "is missing: choose one that is there");
  for (int i = 0; i < profile->task_count; i++) {
    sb_sim_task *task = &profile->tasks[i];
    if (!(task->draft_rate > 0.0)) {
      memcpy(task->conditional, profile->tasks[0].conditional, sizeof task->conditional);
      task->draft_rate = profile->tasks[0].draft_rate;
      task->assumed = true;
    }
    if (!(task->output_mean > 0.0)) {
      task->output_mean = profile->tasks[0].output_mean;
      task->output_spread = profile->tasks[0].output_spread;
    }
    if (profile->scaled)
      task->assumed = true;
  }
  return SB_OK;
}

int sb_sim_profile_load(sb_sim_profile *profile, const char *path, const char *method, sb_err *err)
{
  memset(profile, 0, sizeof *profile);
  snprintf(profile->tasks[0].name, sizeof profile->tasks[0].name, "default");
  profile->task_count = 1;
  loader l = { .profile = profile, .err = err };
  int rc = load_layer(&l, path, method, 0);
  return rc == SB_OK ? finish(profile, path, l.method_found, err) : rc;
}

int sb_sim_profile_task(const sb_sim_profile *profile, const char *name)
{
  for (int i = 0; name && i < profile->task_count; i++)
    if (strcasecmp(profile->tasks[i].name, name) == 0)
      return i;
  return 0;
}
