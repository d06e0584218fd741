#ifndef SB_SIM_SETUP_H
#define SB_SIM_SETUP_H

#include "base/err.h"
#include "sim/engine.h"
#include "sim/options.h"
#include "sim/profile.h"

/* What a command line asks for, as the engine takes it: alike behind HTTP and in virtual time. */

/* Reads the profile that the options name: a name with a slash or an ending is a file, others are looked up in
 * the folder of profiles (the options', else $SPECBENCH_SIM_PROFILES, else profiles_dir, which may be NULL).
 * 0, or a negative code and the reason; also where the profile cannot do what the options ask for. */
int sb_sim_setup_profile(sb_sim_profile *profile, const sb_sim_options *options, const char *profiles_dir,
                         sb_err *err);

/* Both are borrowed by the result. */
sb_sim_config sb_sim_setup_engine(const sb_sim_options *options, const sb_sim_profile *profile);

/* The name that the model is served under. */
const char *sb_sim_setup_model(const sb_sim_options *options, const sb_sim_profile *profile);

#endif
