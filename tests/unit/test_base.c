#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strbuf.h"

static void an_error_carries_its_code_and_one_line(void **state)
{
  (void)state;
  sb_err err = { .sys_errno = 7 };
  assert_int_equal(sb_err_set(&err, SB_EPARSE, "line %d", 3), SB_EPARSE);
  assert_int_equal(err.code, SB_EPARSE);
  assert_int_equal(err.sys_errno, 0);
  assert_string_equal(err.text, "line 3");
  assert_int_equal(sb_err_set(NULL, SB_EINVAL, "nobody listens"), SB_EINVAL);
}

static void a_system_error_ends_with_what_the_system_says(void **state)
{
  (void)state;
  sb_err err;
  assert_int_equal(sb_err_sys(&err, ENOENT, "cannot read %s", "x"), SB_EIO);
  assert_int_equal(err.sys_errno, ENOENT);
  assert_string_equal(err.text, "cannot read x: No such file or directory");
  assert_int_equal(sb_err_sys(NULL, ENOENT, "nobody listens"), SB_EIO);
}

static void what_would_break_the_line_is_a_space(void **state)
{
  (void)state;
  sb_err err;
  sb_err_set(&err, SB_EINVAL, "no such name: %s", "a\nb\t\x1b[2Jc\x7f");
  assert_string_equal(err.text, "no such name: a b  [2Jc ");
  sb_err_sys(&err, ENOENT, "cannot read %s", "a\r\nb");
  assert_string_equal(err.text, "cannot read a  b: No such file or directory");
}

static void a_line_too_long_is_cut_and_terminated(void **state)
{
  (void)state;
  sb_err err;
  char name[600];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  sb_err_sys(&err, ENOENT, "cannot read %s", name);
  assert_int_equal(strlen(err.text), sizeof err.text - 1);
  sb_err_set(&err, SB_EINVAL, "%s", name);
  assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void every_code_has_a_name_of_its_own(void **state)
{
  (void)state;
  for (int a = SB_ESTATE; a <= SB_OK; a++)
    for (int b = SB_ESTATE - 1; b < a; b++)
      assert_string_not_equal(sb_code_name((sb_code)a), sb_code_name((sb_code)b));
}

static void a_string_buffer_grows_and_stays_terminated(void **state)
{
  (void)state;
  sb_strbuf buf;
  sb_strbuf_init(&buf);
  assert_null(buf.data);
  sb_strbuf_append(&buf, NULL, 0);
  assert_string_equal(buf.data, "");
  for (int i = 0; i < 1000; i++) {
    sb_strbuf_printf(&buf, "%d", i % 10);
    sb_strbuf_putc(&buf, ',');
  }
  assert_int_equal(buf.size, 2000);
  assert_int_equal(strlen(buf.data), 2000);
  assert_memory_equal(buf.data + 1990, "5,6,7,8,9,", 10);
  sb_strbuf_deinit(&buf);
  assert_null(buf.data);
}

static void a_string_buffer_holds_any_bytes(void **state)
{
  (void)state;
  sb_strbuf buf = { 0 };
  sb_strbuf_append(&buf, "a\0b", 3);
  sb_strbuf_puts(&buf, "cd");
  assert_int_equal(buf.size, 5);
  assert_memory_equal(buf.data, "a\0bcd", 6);
  sb_strbuf_deinit(&buf);
}

static void consuming_drops_the_front(void **state)
{
  (void)state;
  sb_strbuf buf = { 0 };
  sb_strbuf_consume(&buf, 0);
  sb_strbuf_puts(&buf, "abcdef");
  sb_strbuf_consume(&buf, 2);
  assert_string_equal(buf.data, "cdef");
  sb_strbuf_consume(&buf, 4);
  assert_string_equal(buf.data, "");
  assert_int_equal(buf.size, 0);
  sb_strbuf_deinit(&buf);
}

static void a_cleared_buffer_keeps_its_memory(void **state)
{
  (void)state;
  sb_strbuf buf = { 0 };
  sb_strbuf_clear(&buf);
  sb_strbuf_printf(&buf, "%0500d", 1);
  char *memory = buf.data;
  size_t capacity = buf.capacity;
  sb_strbuf_clear(&buf);
  assert_string_equal(buf.data, "");
  sb_strbuf_printf(&buf, "%0500d", 2);
  assert_ptr_equal(buf.data, memory);
  assert_int_equal(buf.capacity, capacity);
  sb_strbuf_deinit(&buf);
}

static void allocations_of_nothing_can_be_freed(void **state)
{
  (void)state;
  void *a = sb_alloc(0), *b = sb_calloc(0, 8);
  assert_non_null(a);
  assert_non_null(b);
  a = sb_realloc(a, 0);
  assert_non_null(a);
  free(a);
  free(b);
}

/* The sequence that the generator's author publishes for seed 42, stream 54. */
static void the_generator_is_pcg32(void **state)
{
  (void)state;
  static const uint32_t published[] = {
    0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e
  };
  sb_rng rng;
  sb_rng_init(&rng, 42, 54);
  for (size_t i = 0; i < sizeof published / sizeof *published; i++)
    assert_int_equal(sb_rng_u32(&rng), published[i]);
}

static void streams_of_one_seed_differ(void **state)
{
  (void)state;
  sb_rng a, b, again;
  sb_rng_init(&a, 1, 0);
  sb_rng_init(&b, 1, 1);
  sb_rng_init(&again, 1, 0);
  int equal = 0;
  for (int i = 0; i < 1000; i++) {
    uint64_t first = sb_rng_u64(&a);
    equal += first == sb_rng_u64(&b);
    assert_true(first == sb_rng_u64(&again));
  }
  assert_int_equal(equal, 0);
}

static void bounded_draws_stay_inside_and_reach_every_value(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 3, 0);
  int seen[7] = { 0 };
  for (int i = 0; i < 7000; i++) {
    uint64_t draw = sb_rng_below(&rng, 7);
    assert_in_range(draw, 0, 6);
    seen[draw]++;
  }
  for (int i = 0; i < 7; i++)
    assert_in_range(seen[i], 800, 1200);
  for (int i = 0; i < 100; i++)
    assert_int_equal(sb_rng_below(&rng, 1), 0);
  uint64_t wide = (UINT64_C(1) << 63) + 1;
  for (int i = 0; i < 100; i++)
    assert_true(sb_rng_below(&rng, wide) < wide);
}

static void uniform_draws_lie_in_the_unit_interval(void **state)
{
  (void)state;
  sb_rng rng;
  sb_rng_init(&rng, 4, 0);
  double sum = 0;
  for (int i = 0; i < 10000; i++) {
    double u = sb_rng_uniform(&rng);
    assert_true(u >= 0 && u < 1);
    sum += u;
  }
  assert_true(fabs(sum / 10000 - 0.5) < 0.02);
}

typedef struct moments {
  double mean, variance;
} moments;

static moments moments_of(double (*draw)(sb_rng *rng, double shape), double shape)
{
  enum { N = 100000 };
  sb_rng rng;
  sb_rng_init(&rng, 5, 0);
  double sum = 0, squares = 0;
  for (int i = 0; i < N; i++) {
    double x = draw(&rng, shape);
    sum += x;
    squares += x * x;
  }
  return (moments){ sum / N, squares / N - sum / N * (sum / N) };
}

static double exponential(sb_rng *rng, double unused)
{
  (void)unused;
  return sb_rng_exponential(rng);
}

static double normal(sb_rng *rng, double unused)
{
  (void)unused;
  return sb_rng_normal(rng);
}

/* Mean and variance within five standard errors or so of the distribution's: the draws are fixed by the seed. */
static void distributions_have_their_mean_and_variance(void **state)
{
  (void)state;
  moments m = moments_of(normal, 0);
  assert_true(fabs(m.mean) < 0.02 && fabs(m.variance - 1) < 0.03);
  m = moments_of(exponential, 0);
  assert_true(fabs(m.mean - 1) < 0.02 && fabs(m.variance - 1) < 0.06);
  const double shapes[] = { 0.25, 1, 4 };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    m = moments_of(sb_rng_gamma, shapes[i]);
    assert_true(fabs(m.mean / shapes[i] - 1) < 0.04);
    assert_true(fabs(m.variance / shapes[i] - 1) < 0.1);
  }
}

/* Hashes stand in records: they must not change between versions. */
static void hashes_are_fixed_and_depend_on_every_byte_and_the_seed(void **state)
{
  (void)state;
  assert_true(sb_hash64("", 0, 0) == sb_hash64(NULL, 0, 0));
  assert_true(sb_hash64("", 0, 0) != sb_hash64("", 0, 1));
  char text[64] = { 0 };
  for (size_t i = 0; i < sizeof text; i++)
    for (size_t j = 0; j < i; j++) {
      uint64_t longer = sb_hash64(text, i, 0), shorter = sb_hash64(text, j, 0);
      assert_true(longer != shorter);
    }
  uint64_t zero = sb_hash64(text, sizeof text, 0);
  for (size_t i = 0; i < sizeof text; i++) {
    text[i] = 1;
    assert_true(sb_hash64(text, sizeof text, 0) != zero);
    text[i] = 0;
  }
  assert_true(sb_hash64("prompt", 6, 0) == UINT64_C(0x531cfaa3760a8284));
}

static void the_virtual_clock_stands_until_it_is_moved(void **state)
{
  (void)state;
  int64_t before = sb_clock_now(), time = 5;
  assert_string_equal(sb_clock_source(), "monotonic");
  sb_clock_set_virtual(&time);
  assert_true(sb_clock_now() == 5);
  assert_string_equal(sb_clock_source(), "virtual");
  time += SB_NS_PER_S;
  assert_true(sb_clock_now() == 5 + SB_NS_PER_S);
  sb_clock_set_virtual(NULL);
  assert_true(sb_clock_now() >= before);
}

static void clocks_count_in_nanoseconds(void **state)
{
  (void)state;
  assert_true(sb_clock_wall() > INT64_C(1600000000) * SB_NS_PER_S);
  int64_t process = sb_clock_process_cpu(), thread = sb_clock_thread_cpu();
  while (sb_clock_thread_cpu() - thread < SB_NS_PER_MS)
    continue;
  assert_true(sb_clock_process_cpu() - process >= SB_NS_PER_MS);
}

/* What `message` leaves on standard error. */
static size_t logged(sb_log_level level, const char *message, char *out, size_t size)
{
  int ends[2], kept = dup(STDERR_FILENO);
  assert_int_equal(pipe(ends), 0);
  fflush(stderr);
  dup2(ends[1], STDERR_FILENO);
  sb_log(level, "%s", message);
  fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  close(ends[1]);
  ssize_t n = read(ends[0], out, size - 1);
  close(ends[0]);
  assert_true(n >= 0);
  out[n] = '\0';
  return (size_t)n;
}

static void lines_below_the_threshold_are_dropped(void **state)
{
  (void)state;
  char out[256];
  setenv("SPECBENCH_LOG", "error", 1);
  sb_log_init_from_environment();
  assert_int_equal(logged(SB_LOG_WARNING, "quiet", out, sizeof out), 0);
  setenv("SPECBENCH_LOG", "warning", 1);
  sb_log_init_from_environment();
  logged(SB_LOG_WARNING, "disk nearly full", out, sizeof out);
  assert_string_equal(out, "specbench: warning: disk nearly full\n");
  setenv("SPECBENCH_LOG", "nonsense", 1);
  sb_log_init_from_environment();
  assert_int_equal(logged(SB_LOG_DEBUG, "quiet", out, sizeof out), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_error_carries_its_code_and_one_line),
    cmocka_unit_test(a_system_error_ends_with_what_the_system_says),
    cmocka_unit_test(what_would_break_the_line_is_a_space),
    cmocka_unit_test(a_line_too_long_is_cut_and_terminated),
    cmocka_unit_test(every_code_has_a_name_of_its_own),
    cmocka_unit_test(a_string_buffer_grows_and_stays_terminated),
    cmocka_unit_test(a_string_buffer_holds_any_bytes),
    cmocka_unit_test(consuming_drops_the_front),
    cmocka_unit_test(a_cleared_buffer_keeps_its_memory),
    cmocka_unit_test(allocations_of_nothing_can_be_freed),
    cmocka_unit_test(the_generator_is_pcg32),
    cmocka_unit_test(streams_of_one_seed_differ),
    cmocka_unit_test(bounded_draws_stay_inside_and_reach_every_value),
    cmocka_unit_test(uniform_draws_lie_in_the_unit_interval),
    cmocka_unit_test(distributions_have_their_mean_and_variance),
    cmocka_unit_test(hashes_are_fixed_and_depend_on_every_byte_and_the_seed),
    cmocka_unit_test(the_virtual_clock_stands_until_it_is_moved),
    cmocka_unit_test(clocks_count_in_nanoseconds),
    cmocka_unit_test(lines_below_the_threshold_are_dropped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
