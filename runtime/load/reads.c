#include "load/reads.h"

#include <math.h>

/* Chunks that may have come so much earlier ask for more care, where they are more than one in so many: the certificate
 * goes by 99 %. */
static const double VAGUE_MS = 0.4;
enum { VAGUE_ONE_IN = 200 };

/* Whether the chunks in hand, which the kernel stamped, came at their time. */
static bool is_sure(sb_stamps *stamps, bool alone)
{
  switch (stamps->arrival.kind) {
  case SB_ARRIVAL_APART: return true;
  case SB_ARRIVAL_JOINED: return false;
  default: return alone || sb_stamps_one_segment(stamps);
  }
}

void sb_reads_add(sb_reads *reads, sb_http *http, uint32_t chunks, bool alone)
{
  sb_stamps *stamps = sb_http_stamps(http);
  const sb_arrival *arrival = &stamps->arrival;
  reads->chunks += chunks;
  reads->merged += alone ? 0 : chunks;
  reads->unstamped += arrival->by_kernel ? 0 : chunks;
  if (arrival->by_kernel && is_sure(stamps, alone))
    return;
  double ms = (double)(arrival->t_ns - arrival->t_empty) / 1e6;
  if (ms > VAGUE_MS)
    ms = fmin(ms, (double)sb_lag_held(reads->lag, arrival->t_empty) / 1e6);
  sb_samples_add_weighted(&reads->unsure, ms > 0.0 ? ms : 0.0, chunks);
  if (ms <= VAGUE_MS || !arrival->by_kernel)
    return;
  reads->vague += chunks;
  if (reads->vague * VAGUE_ONE_IN > reads->chunks)
    sb_stamps_want_care(stamps);
}

void sb_reads_summarise(sb_reads *reads, sb_reads_summary *summary)
{
  *summary = (sb_reads_summary){ .chunks = reads->chunks,
                                 .merged = reads->merged,
                                 .unstamped = reads->unstamped,
                                 .p99_ms = NAN,
                                 .max_ms = NAN,
                                 .by_kernel = reads->chunks && reads->unstamped * 2 < reads->chunks };
  if (!reads->chunks)
    return;
  sb_samples_add_weighted(&reads->unsure, 0.0, reads->chunks - reads->unsure.total);
  summary->p99_ms = sb_samples_percentile(&reads->unsure, 99);
  summary->max_ms = sb_samples_percentile(&reads->unsure, 100);
}

void sb_reads_deinit(sb_reads *reads)
{
  sb_samples_deinit(&reads->unsure);
}
