#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/strbuf.h"
#include "net/prom.h"

/* All samples of `text`, as "name|labels|value;". The text is parsed from a block of exactly its size. */
static void assert_samples(const char *text, const char *want)
{
  size_t size = strlen(text);
  char *copy = sb_alloc(size);
  memcpy(copy, text, size);
  sb_prom prom;
  sb_prom_sample sample;
  sb_strbuf found = { 0 };
  sb_strbuf_puts(&found, "");
  sb_prom_init(&prom, copy, size);
  while (sb_prom_next(&prom, &sample))
    sb_strbuf_printf(&found, "%.*s|%.*s|%g;", (int)sample.name_size, sample.name, (int)sample.labels_size,
                     sample.labels, sample.value);
  assert_string_equal(found.data, want);
  sb_strbuf_deinit(&found);
  free(copy);
}

static void samples_are_read_with_name_labels_and_value(void **state)
{
  (void)state;
  assert_samples("up 1\n", "up||1;");
  assert_samples("a:b_total{x=\"1\",y=\"2\"} 2.5\n", "a:b_total|x=\"1\",y=\"2\"|2.5;");
  assert_samples("a{} 3\n", "a||3;");
  assert_samples("a 1e3\nb -2", "a||1000;b||-2;");
}

static void comments_and_blank_lines_are_passed_over(void **state)
{
  (void)state;
  assert_samples("# HELP a what\n# TYPE a counter\n\n   \na 1\n#a 2\n", "a||1;");
}

static void a_timestamp_after_the_value_is_ignored(void **state)
{
  (void)state;
  assert_samples("a 1 1395066363000\n", "a||1;");
  assert_samples("a{x=\"1\"} 1\t5\n", "a|x=\"1\"|1;");
}

static void braces_and_escapes_inside_a_label_are_part_of_it(void **state)
{
  (void)state;
  assert_samples("a{x=\"}\"} 1\n", "a|x=\"}\"|1;");
  assert_samples("a{x=\"\\\"}\\\\\"} 1\n", "a|x=\"\\\"}\\\\\"|1;");
  assert_samples("a{x=\" # {\"} 1\n", "a|x=\" # {\"|1;");
}

static void blanks_around_the_parts_do_not_matter(void **state)
{
  (void)state;
  assert_samples("  a\t{x=\"1\"}\t 1  \r\nb 2\r\n", "a|x=\"1\"|1;b||2;");
}

static void lines_that_are_no_sample_are_passed_over(void **state)
{
  (void)state;
  assert_samples("a\nb \nc x\nd 1x\ne{x=\"1\" 1\nf{x=\"1\n{} 1\n= 1\ng 7\n", "g||7;");
  assert_samples("a{x=\"1\\", "");
}

static void special_values_are_read(void **state)
{
  (void)state;
  sb_prom prom;
  sb_prom_sample sample;
  const char *text = "a NaN\nb +Inf\nc -Inf\n";
  sb_prom_init(&prom, text, strlen(text));
  assert_true(sb_prom_next(&prom, &sample) && isnan(sample.value));
  assert_true(sb_prom_next(&prom, &sample) && sample.value == INFINITY);
  assert_true(sb_prom_next(&prom, &sample) && sample.value == -INFINITY);
  assert_false(sb_prom_next(&prom, &sample));
}

static void a_number_too_long_is_no_sample(void **state)
{
  (void)state;
  char line[120];
  memset(line, '1', sizeof line - 1);
  line[0] = 'a';
  line[1] = ' ';
  line[sizeof line - 1] = '\0';
  assert_samples(line, "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(samples_are_read_with_name_labels_and_value),
    cmocka_unit_test(comments_and_blank_lines_are_passed_over),
    cmocka_unit_test(a_timestamp_after_the_value_is_ignored),
    cmocka_unit_test(braces_and_escapes_inside_a_label_are_part_of_it),
    cmocka_unit_test(blanks_around_the_parts_do_not_matter),
    cmocka_unit_test(lines_that_are_no_sample_are_passed_over),
    cmocka_unit_test(special_values_are_read),
    cmocka_unit_test(a_number_too_long_is_no_sample),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
