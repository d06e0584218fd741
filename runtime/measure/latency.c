#include "measure/latency.h"

#include <string.h>

void sb_latencies_deinit(sb_latencies *latencies)
{
#define SB_DEINIT(name) sb_samples_deinit(&latencies->name);
  SB_LATENCIES(SB_DEINIT)
#undef SB_DEINIT
}

static void add_gaps(sb_latencies *latencies, const sb_record *record, double scale)
{
  bool per_chunk = sb_token_source_per_chunk(record->token_source);
  int64_t last_token = 0, last_text = 0;
  uint64_t without_wait = 0;
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_timeline_read(&record->timeline, &reader);
  while (sb_timeline_next(&reader, &chunk)) {
    if (sb_chunk_brings_token(per_chunk, &chunk)) {
      if (last_token) {
        double gap = (double)(chunk.t_ns - last_token) / 1e6 * scale;
        sb_samples_add(&latencies->itl_chunk_ms, gap);
        if (per_chunk) {
          sb_samples_add_weighted(&latencies->itl_token_ms, gap / chunk.tokens, chunk.tokens);
          sb_samples_add(&latencies->itl_burst_ms, gap);
        }
      }
      if (per_chunk)
        without_wait += chunk.tokens - 1;
      last_token = chunk.t_ns;
    }
    if (chunk.has_text) {
      if (last_text)
        sb_samples_add(&latencies->ref_itl_ms, (double)(chunk.t_ns - last_text) / 1e6 * scale);
      last_text = chunk.t_ns;
    }
  }
  sb_samples_add_weighted(&latencies->itl_burst_ms, 0.0, without_wait);
}

void sb_latencies_add(sb_latencies *latencies, const sb_record *record, const sb_request_figures *figures,
                      double clock_scale)
{
#define SB_ADD(name) sb_samples_add(&latencies->name, figures->name);
  SB_REQUEST_FIGURES(SB_ADD)
#undef SB_ADD
  add_gaps(latencies, record, clock_scale);
}

void sb_latencies_gather(sb_latencies *latencies, const sb_run *run)
{
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (record->outcome != SB_OUTCOME_OK)
      continue;
    sb_span span;
    sb_request_figures figures;
    sb_record_span(record, &span);
    sb_request_figures_compute(record, &span, run->clock_scale, &figures);
    sb_latencies_add(latencies, record, &figures, run->clock_scale);
  }
}

sb_samples *sb_latencies_find(sb_latencies *latencies, const char *name)
{
#define SB_FIND(field)            \
  if (strcmp(name, #field) == 0)  \
    return &latencies->field;
  SB_LATENCIES(SB_FIND)
#undef SB_FIND
  return NULL;
}
