#include "sim/setup.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

static const char ENDING[] = ".json";

static bool ends_as_a_file(const char *name)
{
  size_t size = strlen(name), ending = sizeof ENDING - 1;
  return size > ending && !strcmp(name + size - ending, ENDING);
}

static int is_profile(const struct dirent *entry)
{
  return ends_as_a_file(entry->d_name);
}

/* Says which profiles a folder has. */
static int no_such_profile(const char *name, const char *folder, sb_err *err)
{
  struct dirent **entries;
  int count = scandir(folder, &entries, is_profile, alphasort);
  sb_strbuf names = { 0 };
  for (int i = 0; i < count; i++) {
    size_t size = strlen(entries[i]->d_name) - (sizeof ENDING - 1);
    sb_strbuf_printf(&names, "%s%.*s", i ? ", " : "", (int)size, entries[i]->d_name);
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
  int rc =
      sb_err_set(err, SB_EINVAL, "--profile %.60s: no such profile%s%s", name,
                 names.size ? "; there are " : ", and none at all in ", names.size ? names.data : folder);
  sb_strbuf_deinit(&names);
  return rc;
}

static int load(sb_sim_profile *profile, const sb_sim_options *options, const char *profiles_dir, sb_err *err)
{
  const char *name = options->profile;
  if (strchr(name, '/') || ends_as_a_file(name))
    return sb_sim_profile_load(profile, name, options->method, err);
  const char *from_environment = getenv("SPECBENCH_SIM_PROFILES");
  const char *folder = options->profiles_dir ? options->profiles_dir
                       : from_environment    ? from_environment
                                             : profiles_dir;
  if (!folder)
    return sb_err_set(err, SB_EINVAL, "--profile %s: in which folder? add --profiles DIR", name);
  sb_strbuf path = { 0 };
  sb_strbuf_printf(&path, "%s/%s.json", folder, name);
  sb_err why = { 0 };
  int rc = sb_sim_profile_load(profile, path.data, options->method, &why);
  sb_strbuf_deinit(&path);
  if (rc && why.sys_errno == ENOENT)
    rc = no_such_profile(name, folder, &why);
  if (rc && err)
    *err = why;
  return rc;
}

int sb_sim_setup_profile(sb_sim_profile *profile, const sb_sim_options *options, const char *profiles_dir,
                         sb_err *err)
{
  int rc = load(profile, options, profiles_dir, err);
  if (!rc && options->multi_step > 1 && !(profile->host_step > 0.0))
    rc = sb_err_set(err, SB_EINVAL, "--multi-step: profile %s does not say host.step, what it would save",
                    profile->name);
  return rc;
}

sb_sim_config sb_sim_setup_engine(const sb_sim_options *o, const sb_sim_profile *profile)
{
  return (sb_sim_config){
    .profile = profile,
    .k = (int)o->k,
    .max_num_seqs = (int)o->max_num_seqs,
    .kv_capacity_tokens = o->kv_tokens,
    .chunked_prefill = o->chunked_prefill,
    .max_num_batched_tokens = (int)o->max_num_batched_tokens,
    .disable_by_batch_size = (int)o->disable_by_batch_size,
    .k_by_batch_size = o->k_by_batch_size,
    .spec_max_model_len = (int)o->speculative_max_model_len,
    .scheduler_delay_factor = o->scheduler_delay_factor,
    .multi_step = (int)o->multi_step,
    .step_noise_sd = o->noise,
    .seed = (uint64_t)o->seed,
  };
}

const char *sb_sim_setup_model(const sb_sim_options *options, const sb_sim_profile *profile)
{
  return options->model ? options->model : profile->name;
}
