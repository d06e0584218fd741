#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "measure/record.h"

/* Secrets that servers say back. */

#define SECRET "sk-0123456789"
#define STARS "*************"

static sb_run *run_of(const char *error, const char *text, size_t text_size)
{
  sb_run *run = sb_run_new(1);
  run->records[0].error = sb_strdup(error);
  run->records[0].text = sb_alloc(text_size + 1);
  memcpy(run->records[0].text, text, text_size + 1);
  run->records[0].text_size = text_size;
  return run;
}

static void assert_error(const char *error, const char *want)
{
  sb_run *run = run_of(error, "", 0);
  sb_run_redact(run, SECRET, strlen(SECRET));
  assert_string_equal(run->records[0].error, want);
  sb_run_free(run);
}

static void a_secret_becomes_asterisks_wherever_it_stands(void **state)
{
  (void)state;
  assert_error(SECRET, STARS);
  assert_error("bad key " SECRET ": " SECRET SECRET " is none", "bad key " STARS ": " STARS STARS " is none");
  assert_error("nothing of it", "nothing of it");
  assert_error("", "");
}

static void a_secret_that_the_end_cuts_is_one_as_well(void **state)
{
  (void)state;
  assert_error("bad key sk-012345678", "bad key ************");
  assert_error("bad key sk-0", "bad key ****");
  assert_error("bad key sk-", "bad key sk-"); /* any key's beginning */
  assert_error("sk-0 is no key", "sk-0 is no key");
}

static void a_zero_byte_ends_no_answer(void **state)
{
  (void)state;
  static const char text[] = "a\0" SECRET "\0b", want[] = "a\0" STARS "\0b";
  sb_run *run = run_of("", text, sizeof text - 1);
  sb_run_redact(run, SECRET, strlen(SECRET));
  assert_memory_equal(run->records[0].text, want, sizeof want);
  sb_run_redact(run, "", 0);
  assert_memory_equal(run->records[0].text, want, sizeof want);
  sb_run_free(run);
}

static void a_request_without_words_has_none_to_take_out(void **state)
{
  (void)state;
  sb_run *run = sb_run_new(2);
  sb_run_redact(run, SECRET, strlen(SECRET));
  assert_null(run->records[1].error);
  assert_null(run->records[1].text);
  sb_run_free(run);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_secret_becomes_asterisks_wherever_it_stands),
    cmocka_unit_test(a_secret_that_the_end_cuts_is_one_as_well),
    cmocka_unit_test(a_zero_byte_ends_no_answer),
    cmocka_unit_test(a_request_without_words_has_none_to_take_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
