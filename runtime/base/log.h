#ifndef SB_LOG_H
#define SB_LOG_H

/* Diagnostics on standard error, one line each: "specbench: warning: ...". Results never go through here. */

typedef enum sb_log_level { SB_LOG_DEBUG, SB_LOG_INFO, SB_LOG_WARNING, SB_LOG_ERROR } sb_log_level;

/* Lines below this level are dropped. Default SB_LOG_WARNING; SPECBENCH_LOG=debug|info|warning|error sets it.
 * To be called before there are threads. */
void sb_log_set_level(sb_log_level level);
void sb_log_init_from_environment(void);

void sb_log(sb_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
