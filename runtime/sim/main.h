#ifndef SB_SIM_MAIN_H
#define SB_SIM_MAIN_H

/* `specbench sim`: runs the simulated server until SIGTERM or SIGINT and returns the process's exit status
 * (0; 1: it could not start; 2: the command line is wrong). argv[0] is "sim". profiles_dir: where
 * --profile NAME is looked for when neither --profiles nor SPECBENCH_SIM_PROFILES says so; may be NULL.
 * Raises RLIMIT_NOFILE and ignores SIGPIPE for the whole process. */
int sb_sim_main(int argc, char **argv, const char *profiles_dir);

#endif
