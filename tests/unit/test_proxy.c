#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/proxy.h"

/* Which hosts a proxy of the environment stands before. */

static int clear(void **state)
{
  static const char *const names[] = { "http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" };
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    unsetenv(names[i]);
  return 0;
}

static void assert_exceptions(const char *want)
{
  sb_strbuf hosts = { 0 };
  sb_proxy_exceptions(&hosts);
  assert_string_equal(hosts.data, want);
  sb_strbuf_deinit(&hosts);
}

static void none_stands_before_a_loopback_server(void **state)
{
  (void)state;
  setenv("http_proxy", "http://proxy:3128", 1);
  assert_true(sb_proxy_may_be_used("gpu7:8000"));
  assert_false(sb_proxy_may_be_used("127.0.0.1:8000"));
  assert_false(sb_proxy_may_be_used("localhost:8000"));
  assert_false(sb_proxy_may_be_used("[::1]:8000"));
}

static void one_for_all_schemes_counts_in_either_spelling(void **state)
{
  (void)state;
  assert_false(sb_proxy_may_be_used("gpu7:8000"));
  setenv("ALL_PROXY", "", 1); /* says nothing */
  assert_false(sb_proxy_may_be_used("gpu7:8000"));
  setenv("ALL_PROXY", "http://proxy:3128", 1);
  assert_true(sb_proxy_may_be_used("gpu7:8000"));
}

static void exceptions_count_in_either_spelling(void **state)
{
  (void)state;
  assert_exceptions("127.0.0.1,localhost,::1");
  setenv("NO_PROXY", "gpu7,.cluster", 1);
  assert_exceptions("127.0.0.1,localhost,::1,gpu7,.cluster");
  setenv("no_proxy", "gpu8", 1); /* libcurl reads this one first */
  assert_exceptions("127.0.0.1,localhost,::1,gpu8");
}

/* A list that holds more beside "*" excepts nobody. */
static void an_exception_for_all_hosts_stands_alone(void **state)
{
  (void)state;
  setenv("http_proxy", "http://proxy:3128", 1);
  setenv("NO_PROXY", "*", 1);
  assert_exceptions("*");
  assert_false(sb_proxy_may_be_used("gpu7:8000"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(none_stands_before_a_loopback_server, clear),
    cmocka_unit_test_setup(one_for_all_schemes_counts_in_either_spelling, clear),
    cmocka_unit_test_setup(exceptions_count_in_either_spelling, clear),
    cmocka_unit_test_setup(an_exception_for_all_hosts_stands_alone, clear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
