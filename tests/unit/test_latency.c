#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measure/metrics.h"
#include "measure_fixture.h"

/* Every expectation is worked out by hand from the chunks. */

static void figures_of(const sb_record *record, sb_request_metrics *figures)
{
  sb_span span;
  sb_record_span(record, &span);
  sb_request_metrics_compute(record, &span, 1.0, SB_REFERENCE_CHUNKS, figures);
}

static void a_request_has_its_latencies_by_token_and_by_text(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_request_metrics f;
  figures_of(&run->records[0], &f);
  fixture_near(f.ttft_ms, 100);
  fixture_near(f.ttft_intended_ms, 110);
  fixture_near(f.send_late_ms, 10);
  fixture_near(f.e2el_ms, 150);
  fixture_near(f.tpot_ms, 10); /* (150 - 100) / 5 */
  fixture_near(f.ref_ttft_ms, 100);
  fixture_near(f.ref_tpot_ms, 12); /* (160 - 100) / 5 */
  sb_run_free(run);
}

static void tokens_without_text_come_before_the_first_text(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(1);
  sb_record *r = fixture_request(run, 0, 0, 90);
  fixture_chunk(r, 30, 1, false);
  fixture_chunk(r, 50, 2, true);
  fixture_chunk(r, 80, 1, false);
  sb_request_metrics f;
  figures_of(r, &f);
  fixture_near(f.ttft_ms, 30);
  fixture_near(f.ref_ttft_ms, 50);
  fixture_near(f.e2el_ms, 80);
  fixture_near(f.tpot_ms, 50.0 / 3.0);
  fixture_near(f.ref_tpot_ms, 0.0);
  sb_run_free(run);
}

static void a_request_without_a_token_or_with_one_has_no_tpot(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  sb_record *none = fixture_request(run, 0, 0, 90), *one = fixture_request(run, 1, 0, 90);
  fixture_chunk(none, 10, 0, false);
  fixture_chunk(one, 40, 1, true);
  sb_request_metrics f;
  figures_of(none, &f);
  assert_true(isnan(f.ttft_ms) && isnan(f.e2el_ms) && isnan(f.tpot_ms) && isnan(f.ref_ttft_ms));
  figures_of(one, &f);
  fixture_near(f.ttft_ms, 40);
  fixture_near(f.e2el_ms, 40);
  assert_true(isnan(f.tpot_ms) && isnan(f.ref_tpot_ms));
  sb_run_free(run);
}

static void the_time_to_a_token_is_that_of_its_chunk(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  const double expected[] = { 100, 130, 130, 130, 150, 150 };
  for (uint64_t m = 1; m <= 6; m++)
    fixture_near(sb_record_time_to_token_ms(&run->records[0], m, 1.0), expected[m - 1]);
  assert_true(isnan(sb_record_time_to_token_ms(&run->records[0], 7, 1.0)));
  run->records[0].token_source = SB_TOKENS_USAGE_TOTAL;
  assert_true(isnan(sb_record_time_to_token_ms(&run->records[0], 1, 1.0)));
  sb_run_free(run);
}

static void latencies_are_summarised(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  fixture_near(m.ttft_ms.count, 3); /* 100, 40, 40 */
  fixture_near(m.ttft_ms.mean, 60);
  fixture_near(m.ttft_ms.median, 40);
  fixture_near(m.ttft_ms.p90, 88);
  fixture_near(m.ttft_ms.std, sqrt(800));
  fixture_near(m.ttft_ms.min, 40);
  fixture_near(m.ttft_ms.max, 100);
  fixture_near(m.tpot_ms.count, 2); /* 10, 16 */
  fixture_near(m.tpot_ms.mean, 13);
  fixture_near(m.ref_tpot_ms.mean, 14);  /* 12, 16 */
  fixture_near(m.itl_chunk_ms.count, 3); /* 30, 20, 80 */
  fixture_near(m.itl_chunk_ms.mean, 130.0 / 3.0);
  fixture_near(m.itl_chunk_ms.median, 30);
  fixture_near(m.itl_token_ms.count, 9); /* 10 five times, 20 four times */
  fixture_near(m.itl_token_ms.mean, 130.0 / 9.0);
  fixture_near(m.itl_token_ms.median, 10);
  fixture_near(m.itl_token_ms.max, 20);
  fixture_near(m.itl_burst_ms.count, 10); /* 30, 20, 80 and seven times 0 */
  fixture_near(m.itl_burst_ms.mean, 13);
  fixture_near(m.itl_burst_ms.median, 0);
  fixture_near(m.itl_burst_ms.p90, 35); /* ranks 0..9: 0 x 7, 20, 30, 80; h = 8.1 */
  fixture_near(m.ref_itl_ms.count, 3);  /* 30, 30, 80 */
  fixture_near(m.ref_itl_ms.median, 30);
  sb_run_free(run);
}

static void latencies_are_found_by_name(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_latencies latencies = { 0 };
  sb_latencies_gather(&latencies, run);
  assert_ptr_equal(sb_latencies_find(&latencies, "itl_token_ms"), &latencies.itl_token_ms);
  fixture_near(sb_samples_percentile(sb_latencies_find(&latencies, "ttft_ms"), 75), 70);
  assert_null(sb_latencies_find(&latencies, "itl"));
  sb_latencies_deinit(&latencies);
  sb_run_free(run);
}

static void the_list_names_every_figure_once(void **state)
{
  (void)state;
  sb_run *run = fixture_small_run();
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  size_t count = sb_metrics_list(&m, NULL, 0);
  sb_metric_entry *entries = calloc(count, sizeof *entries);
  assert_non_null(entries);
  assert_int_equal(sb_metrics_list(&m, entries, count), count);
  assert_int_equal(count * sizeof(double), sizeof m);
  bool p99 = false;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(entries[i].name, entries[j].name);
    if (strcmp(entries[i].name, "ttft_ms.p99") == 0) {
      p99 = true;
      assert_true(entries[i].value == m.ttft_ms.p99);
      assert_string_equal(entries[i].unit, "ms");
    }
    if (entries[i].kind != SB_METRIC_REAL && !isnan(entries[i].value))
      assert_true(entries[i].value == floor(entries[i].value));
  }
  assert_true(p99);
  assert_string_equal(entries[0].name, "requests");
  free(entries);
  sb_run_free(run);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_request_has_its_latencies_by_token_and_by_text),
    cmocka_unit_test(tokens_without_text_come_before_the_first_text),
    cmocka_unit_test(a_request_without_a_token_or_with_one_has_no_tpot),
    cmocka_unit_test(the_time_to_a_token_is_that_of_its_chunk),
    cmocka_unit_test(latencies_are_summarised),
    cmocka_unit_test(latencies_are_found_by_name),
    cmocka_unit_test(the_list_names_every_figure_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
