#include "measure/metrics.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "measure/in_flight.h"

/* What one pass over the records gathers. */
typedef struct tally {
  const sb_run *run;
  const sb_slo *slo;
  sb_in_flight in_flight;
  sb_latencies *latencies;
  sb_chunk_arrivals arrivals; /* completed requests' chunks; the origin is the first send */
  bool arrivals_known;        /* every completed request tells its tokens chunk by chunk */
  bool tpot_known;
  int64_t last_token, last_end;
  uint64_t completed, failed, met;
  uint64_t input_unknown, output_unknown, mismatches;
  double input, output; /* sums of counts: exact up to 2^53 */
  uint64_t chunk_tokens, token_chunks;
  double decode_ms, decode_gaps;
  double draft, accepted, drafted_output; /* of requests whose draft counts are known */
  uint64_t drafted;                       /* how many these are */
  uint64_t steady_completed;
  double steady_input;
} tally;

static bool in_steady_window(const tally *t, int64_t at)
{
  return t->in_flight.steady_from && at >= t->in_flight.steady_from && at <= t->in_flight.steady_to;
}

/* Also of records whose file does not tell what was found when they were made. */
static bool disagrees(const sb_record *record, int64_t tokens)
{
  return record->tokens_disagree || (sb_token_source_per_chunk(record->token_source) &&
                                     record->completion_tokens >= 0 && record->completion_tokens != tokens);
}

static void add_tokens(tally *t, const sb_record *record, const sb_span *span)
{
  int64_t tokens = sb_record_tokens(record), prompt_tokens = sb_record_prompt_tokens(record);
  if (prompt_tokens >= 0)
    t->input += (double)prompt_tokens;
  else
    t->input_unknown++;
  if (tokens >= 0)
    t->output += (double)tokens;
  else
    t->output_unknown++;

  if (sb_token_source_per_chunk(record->token_source)) {
    t->chunk_tokens += record->timeline.tokens;
    t->token_chunks += span->token_chunks;
  } else {
    t->arrivals_known = false;
  }

  if (disagrees(record, tokens))
    t->mismatches++;

  if (record->draft_tokens >= 0 && record->accepted_tokens >= 0) {
    t->drafted++;
    t->draft += (double)record->draft_tokens;
    t->accepted += (double)record->accepted_tokens;
    t->drafted_output += tokens >= 0 ? (double)tokens : NAN;
  }
  if (in_steady_window(t, span->first_token) && prompt_tokens >= 0)
    t->steady_input += (double)prompt_tokens;
}

static bool meets(double limit, double value)
{
  return limit < 0.0 || value <= limit;
}

static void judge(tally *t, const sb_record *record, const sb_request_metrics *metrics)
{
  int64_t tokens = sb_record_tokens(record);
  if (tokens < 0)
    t->tpot_known = false;
  bool has_gaps = tokens > 1; /* one token has no time per further token to miss the objective with */
  if (!isnan(metrics->ttft_ms) && meets(t->slo->ttft_ms, metrics->ttft_ms) &&
      meets(t->slo->e2el_ms, metrics->e2el_ms) && (!has_gaps || meets(t->slo->tpot_ms, metrics->tpot_ms)))
    t->met++;
}

static void add_completed(tally *t, const sb_record *record, sb_span *span)
{
  sb_request_metrics metrics;
  double scale = t->run->clock_scale;
  sb_reference_rule rule = sb_reference_rule_of(t->run);
  sb_latencies_read(t->latencies, record, scale, rule, &t->arrivals, span);
  sb_request_metrics_compute(record, span, scale, rule, &metrics);
  sb_latencies_add(t->latencies, &metrics);
  add_tokens(t, record, span);
  if (t->slo)
    judge(t, record, &metrics);
  if (!isnan(metrics.tpot_ms)) {
    t->decode_ms += (double)(span->last_token - span->first_token) / 1e6 * scale;
    t->decode_gaps += (double)(sb_record_tokens(record) - 1);
  }
  if (in_steady_window(t, record->t_done))
    t->steady_completed++;
}

static void gather(tally *t)
{
  const sb_run *run = t->run;
  sb_latencies_reserve(t->latencies, run, &t->arrivals);
  for (uint32_t i = 0; i < run->count; i++) {
    int64_t send = run->records[i].t_send;
    if (send && (!t->arrivals.origin_ns || send < t->arrivals.origin_ns))
      t->arrivals.origin_ns = send;
  }
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    sb_span span;
    if (record->outcome == SB_OUTCOME_OK) {
      t->completed++;
      add_completed(t, record, &span);
    } else {
      t->failed++;
      sb_record_span(record, &span);
    }
    if (span.last_token > t->last_token)
      t->last_token = span.last_token;
    if (record->t_send && record->t_done > t->last_end)
      t->last_end = record->t_done;
  }
}

/* The largest sum of tokens that arrived within less than one (simulated) second: two pointers. */
static double peak_tokens(sb_samples *arrivals, double clock_scale)
{
  sb_samples_sort(arrivals);
  double second = (double)SB_NS_PER_S / clock_scale;
  uint64_t sum = 0, most = 0;
  for (size_t first = 0, i = 0; i < arrivals->count; i++) {
    sum += sb_samples_weight(arrivals, i);
    while (arrivals->values[i] - arrivals->values[first] >= second)
      sum -= sb_samples_weight(arrivals, first++);
    if (sum > most)
      most = sum;
  }
  return (double)most;
}

static double arrived_between(const sb_samples *arrivals, double from, double to)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < arrivals->count; i++)
    if (arrivals->values[i] >= from && arrivals->values[i] <= to)
      sum += sb_samples_weight(arrivals, i);
  return (double)sum;
}

/* The longest time in [from, to] in which nothing arrived; arrivals are sorted. */
static double longest_gap(const sb_samples *arrivals, double from, double to)
{
  double longest = 0.0, last = from;
  for (size_t i = 0; i < arrivals->count; i++) {
    double at = arrivals->values[i];
    if (at < from)
      continue;
    if (at > to)
      break;
    longest = at - last > longest ? at - last : longest;
    last = at;
  }
  return fmax(longest, to - last);
}

static double known(bool is_known, double value)
{
  return is_known ? value : NAN;
}

/* NaN, not infinity, where nothing was there to divide by. */
static double ratio(double value, double by)
{
  return by > 0.0 ? value / by : NAN;
}

static void put_steady(tally *t, double seconds, sb_metrics *m)
{
  const sb_in_flight *in_flight = &t->in_flight;
  m->steady_duration = m->steady_share = m->drain = NAN;
  m->steady_request_throughput = m->steady_output_throughput = m->steady_total_token_throughput = NAN;
  m->steady_longest_gap = NAN;
  if (t->run->concurrency == 0)
    return;
  double window = (double)(in_flight->steady_to - in_flight->steady_from);
  m->steady_duration = window * seconds;
  m->steady_share = ratio(m->steady_duration, m->run_duration);
  m->drain = known(!isnan(m->steady_share), m->steady_share < 0.5);
  m->steady_request_throughput = ratio((double)t->steady_completed, m->steady_duration);
  double tokens = NAN;
  if (t->arrivals_known) {
    const sb_chunk_arrivals *arrivals = &t->arrivals;
    double from = (double)(in_flight->steady_from - arrivals->origin_ns),
           to = (double)(in_flight->steady_to - arrivals->origin_ns);
    tokens = arrived_between(&arrivals->at, from, to);
    m->steady_longest_gap = known(window > 0.0, longest_gap(&arrivals->at, from, to) * seconds);
  }
  m->steady_output_throughput = ratio(tokens, m->steady_duration);
  tokens += known(t->input_unknown == 0, t->steady_input);
  m->steady_total_token_throughput = ratio(tokens, m->steady_duration);
}

static void put_acceptance(const tally *t, sb_metrics *m)
{
  m->draft_tokens = known(t->drafted > 0, t->draft);
  m->accepted_tokens = known(t->drafted > 0, t->accepted);
  m->acceptance_rate = ratio(m->accepted_tokens, m->draft_tokens);
  /* each step yields one token of the target's own and the draft tokens that it accepted */
  m->tokens_per_step = ratio(t->drafted_output, t->drafted_output - t->accepted);
}

static void put_latencies(tally *t, sb_metrics *m)
{
  sb_summary summaries[SB_LATENCY_COUNT];
  sb_latencies_summaries(t->latencies, summaries);
#define SB_PUT(name) m->name = summaries[SB_LATENCY_##name];
  SB_LATENCIES(SB_PUT)
#undef SB_PUT
  if (t->output_unknown > 0) { /* a time per token of some answers would pass for that of all */
    sb_samples none = { 0 };
    sb_samples_summary(&none, &m->tpot_ms);
    m->ref_tpot_ms = m->tpot_ms;
  }
}

/* The reference's chat client is done when its last request is. */
static double reference_duration(const tally *t, double duration, double seconds)
{
  int64_t first_send = t->arrivals.origin_ns;
  switch (sb_reference_rule_of(t->run)) {
  case SB_REFERENCE_EVENTS:
    return known(first_send && t->last_end > first_send, (double)(t->last_end - first_send) * seconds);
  case SB_REFERENCE_CHUNKS: return duration;
  case SB_REFERENCE_UNKNOWN: break;
  }
  return NAN;
}

static void put(tally *t, sb_metrics *m)
{
  const sb_run *run = t->run;
  double seconds = run->clock_scale / (double)SB_NS_PER_S;
  m->requests = run->count;
  m->completed = (double)t->completed;
  m->failed = (double)t->failed;
  int64_t first_send = t->arrivals.origin_ns;
  m->duration =
      known(first_send && t->last_token > first_send, (double)(t->last_token - first_send) * seconds);
  m->run_duration = known(run->t_end > run->t_start, (double)(run->t_end - run->t_start) * seconds);
  m->ref_duration = reference_duration(t, m->duration, seconds);
  m->input_tokens_unknown = (double)t->input_unknown;
  m->output_tokens_unknown = (double)t->output_unknown;
  m->token_mismatches = (double)t->mismatches;
  m->total_input_tokens = known(t->input_unknown == 0, t->input);
  m->total_output_tokens = known(t->output_unknown == 0, t->output);
  m->request_throughput = ratio(m->completed, m->duration);
  m->output_throughput = ratio(m->total_output_tokens, m->duration);
  m->total_token_throughput = ratio(m->total_input_tokens + m->total_output_tokens, m->duration);

  const sb_slo *slo = t->slo;
  bool judged = slo && (slo->ttft_ms >= 0.0 || slo->e2el_ms >= 0.0 || slo->tpot_ms >= 0.0) &&
                (slo->tpot_ms < 0.0 || t->tpot_known);
  m->request_goodput = known(judged, ratio((double)t->met, m->duration));
  m->peak_output_throughput = known(t->arrivals_known, peak_tokens(&t->arrivals.at, run->clock_scale));
  put_steady(t, seconds, m);
  m->mean_concurrency = t->in_flight.mean;
  m->max_concurrency = t->in_flight.most;
  m->tokens_per_chunk = ratio((double)t->chunk_tokens, (double)t->token_chunks);
  m->decode_tpot_ms = known(t->output_unknown == 0, ratio(t->decode_ms, t->decode_gaps));
  put_acceptance(t, m);
  put_latencies(t, m);
}

void sb_metrics_and_latencies(const sb_run *run, const sb_slo *slo, sb_metrics *metrics,
                              sb_latencies *latencies)
{
  tally t = { .run = run, .slo = slo, .latencies = latencies, .arrivals_known = true, .tpot_known = true };
  sb_in_flight_measure(run, &t.in_flight);
  gather(&t);
  put(&t, metrics);
  sb_samples_deinit(&t.arrivals.at);
}

void sb_metrics_compute(const sb_run *run, const sb_slo *slo, sb_metrics *metrics)
{
  sb_latencies latencies = { 0 };
  sb_metrics_and_latencies(run, slo, metrics, &latencies);
  sb_latencies_deinit(&latencies);
}

typedef struct place {
  const char *name, *unit;
  sb_metric_kind kind;
  size_t offset;
} place;

#define CELL(field, unit, kind) { #field, unit, SB_METRIC_##kind, offsetof(sb_metrics, field) },

#define STATISTIC(latency, field, unit, kind)    \
  { #latency "." #field, unit, SB_METRIC_##kind, \
    offsetof(sb_metrics, latency) + offsetof(sb_summary, field) },
#define PERCENTILE(latency, field, percent) STATISTIC(latency, field, "ms", REAL)
#define LATENCY(latency)                        \
  STATISTIC(latency, count, "samples", INTEGER) \
  STATISTIC(latency, mean, "ms", REAL)          \
  STATISTIC(latency, std, "ms", REAL)           \
  SB_SUMMARY_PERCENTILES(PERCENTILE, latency)

static const place places[] = { SB_CELL_METRICS(CELL) SB_LATENCIES(LATENCY) };

size_t sb_metrics_list(const sb_metrics *metrics, sb_metric_entry *out, size_t capacity)
{
  size_t count = sizeof places / sizeof *places;
  for (size_t i = 0; i < count && i < capacity; i++) {
    out[i] = (sb_metric_entry){ places[i].name, places[i].unit, places[i].kind, 0.0 };
    memcpy(&out[i].value, (const char *)metrics + places[i].offset, sizeof out[i].value);
  }
  return count;
}
