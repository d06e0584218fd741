#ifndef SB_LOG_H
#define SB_LOG_H

/* Diagnostics on standard error, one line each: "specbench: warning: ...". Results never go through here. */

typedef enum sb_log_level { SB_LOG_DEBUG, SB_LOG_WARNING, SB_LOG_ERROR } sb_log_level;

/* Lines below this level are dropped. Default SB_LOG_WARNING; SPECBENCH_LOG=debug|warning|error sets it, for
 * whom sb_log_init_from_environment is called, before there are threads. debug tells what happens to connections
 * (dial, reuse, retry, close) and to child processes (spawn, signal). */
void sb_log_init_from_environment(void);

/* Writes "specbench" and what follows to standard error, and ends the line. What would do something to a terminal
 * (control characters, bytes that are no UTF-8) is a question mark; at most 16 KiB. */
void sb_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

void sb_log(sb_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
