#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/in_flight.h"
#include "measure/metrics.h"
#include "measure_fixture.h"

/* What holds for any run, on seeded random ones. */

static sb_run *random_run_of(uint64_t seed, bool one_token_a_chunk)
{
  sb_rng rng;
  sb_rng_init(&rng, seed, 9);
  sb_run *run = sb_run_new(20);
  run->concurrency = 4;
  run->t_start = fixture_at(0);
  run->t_end = fixture_at(20000);
  for (uint32_t i = 0; i < run->count; i++) {
    sb_record *r = fixture_request(run, i, (double)i * 300 + sb_rng_uniform(&rng), 0);
    r->prompt_tokens = 10;
    double t = (double)i * 300 + 50;
    size_t chunks = 1 + sb_rng_below(&rng, 60);
    for (size_t c = 0; c < chunks; c++) {
      t += sb_rng_exponential(&rng) * 30;
      uint32_t tokens = (uint32_t)sb_rng_below(&rng, 5);
      bool has_text = sb_rng_below(&rng, 3) > 0;
      fixture_chunk(r, t, one_token_a_chunk ? 1 : tokens, one_token_a_chunk || has_text);
    }
    r->t_done = fixture_at(t + 1);
  }
  return run;
}

static sb_run *random_run(uint64_t seed)
{
  return random_run_of(seed, false);
}

static double brute_peak(const sb_run *run)
{
  double times[2000], tokens[2000], best = 0;
  size_t n = 0;
  for (uint32_t i = 0; i < run->count; i++) {
    sb_timeline_reader reader;
    sb_chunk c;
    sb_timeline_read(&run->records[i].timeline, &reader);
    while (sb_timeline_next(&reader, &c)) {
      times[n] = (double)(c.t_ns - run->t_start);
      tokens[n++] = c.tokens;
    }
  }
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t j = 0; j < n; j++)
      if (times[j] >= times[i] && times[j] < times[i] + 1e9)
        sum += tokens[j];
    best = fmax(best, sum);
  }
  return best;
}

static void the_three_itl_conventions_share_one_sum(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 50; seed++) {
    sb_run *run = random_run(seed);
    sb_metrics m;
    sb_metrics_compute(run, NULL, &m);
    double decode_ms = 0, tokens = 0, with_tokens = 0;
    for (uint32_t i = 0; i < run->count; i++) {
      sb_span span;
      sb_record_span(&run->records[i], &span);
      decode_ms += (double)(span.last_token - span.first_token) / 1e6;
      tokens += (double)run->records[i].timeline.tokens;
      with_tokens += span.token_chunks > 0;
    }
    fixture_near(m.itl_chunk_ms.mean * m.itl_chunk_ms.count, decode_ms);
    fixture_near(m.itl_token_ms.mean * m.itl_token_ms.count, decode_ms);
    fixture_near(m.itl_burst_ms.mean * m.itl_burst_ms.count, decode_ms);
    fixture_near(m.itl_burst_ms.count, tokens - with_tokens);
    fixture_near(m.total_output_tokens, tokens);
    fixture_near(m.peak_output_throughput, brute_peak(run));
    assert_true(m.steady_output_throughput * m.steady_duration <= tokens + 1e-9);
    sb_run_free(run);
  }
}

/* Counts again at every moment at which the number in flight changes. */
static uint32_t in_flight(const sb_run *run, int64_t t)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < run->count; i++)
    n += run->records[i].t_send <= t && t < run->records[i].t_done;
  return n;
}

static void the_window_is_bounded_by_the_first_and_last_full_moment(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 50; seed++) {
    sb_run *run = random_run(seed);
    sb_in_flight flight;
    sb_in_flight_measure(run, &flight);
    int64_t first = 0, last = 0;
    for (uint32_t i = 0; i < run->count; i++) {
      int64_t send = run->records[i].t_send, end = run->records[i].t_done;
      if (in_flight(run, send) >= run->concurrency && (!first || send < first))
        first = send;
      if (in_flight(run, end - 1) >= run->concurrency && in_flight(run, end) < run->concurrency && end > last)
        last = end;
      assert_true(in_flight(run, send) <= flight.most);
    }
    assert_true(flight.steady_from == first);
    assert_true(flight.steady_to == last);
    sb_run_free(run);
  }
}

static void check_summary(const sb_summary *summary, sb_samples *samples)
{
  sb_summary expected;
  sb_samples_summary(samples, &expected);
  assert_memory_equal(summary, &expected, sizeof expected);
}

/* Also where conventions agree, or all but one do. */
static void every_latency_is_summarised_from_its_own_samples(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 12; seed++) {
    sb_run *run = random_run_of(seed, seed % 3 > 0);
    if (seed % 3 == 2) /* a chunk whose text is held back: only ref_itl_ms differs */
      fixture_chunk(&run->records[0], 19000, 1, false);
    sb_metrics m;
    sb_latencies latencies = { 0 };
    sb_metrics_compute(run, NULL, &m);
    sb_latencies_gather(&latencies, run);
#define CHECK(name) check_summary(&m.name, &latencies.name);
    SB_LATENCIES(CHECK)
#undef CHECK
    sb_latencies_deinit(&latencies);
    sb_run_free(run);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_three_itl_conventions_share_one_sum),
    cmocka_unit_test(every_latency_is_summarised_from_its_own_samples),
    cmocka_unit_test(the_window_is_bounded_by_the_first_and_last_full_moment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
