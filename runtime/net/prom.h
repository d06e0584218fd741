#ifndef SB_PROM_H
#define SB_PROM_H

#include <stdbool.h>
#include <stddef.h>

/* Reads Prometheus' text exposition format, line by line, in place. */

typedef struct sb_prom {
  const char *at, *end;
} sb_prom;

typedef struct sb_prom_sample {
  const char *name;
  size_t name_size;
  const char *labels; /* between the braces, as written; size 0 where there are none */
  size_t labels_size;
  double value; /* may be NaN or infinite */
} sb_prom_sample;

void sb_prom_init(sb_prom *prom, const char *text, size_t size);

/* The next sample; comments, blank lines and lines that are no sample are passed over. false at the end. */
bool sb_prom_next(sb_prom *prom, sb_prom_sample *sample);

#endif
