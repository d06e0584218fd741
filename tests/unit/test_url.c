#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>

#include "net/url.h"

/* URLs as a request needs them. */

static void assert_parts(const char *text, const char *origin, const char *host, const char *target,
                         const char *credentials)
{
  sb_url url;
  sb_err err = { 0 };
  if (sb_url_parse(text, &url, &err))
    fail_msg("%s", err.text);
  assert_string_equal(url.origin, origin);
  assert_string_equal(url.host, host);
  assert_string_equal(url.target, target);
  if (credentials)
    assert_string_equal(url.credentials, credentials);
  else
    assert_null(url.credentials);
  sb_url_deinit(&url);
}

static void a_url_is_taken_apart(void **state)
{
  (void)state;
  assert_parts("http://gpu7", "http://gpu7:80", "gpu7", "/", NULL);
  assert_parts("https://gpu7:443/v1?a=b&c", "https://gpu7:443", "gpu7", "/v1?a=b&c", NULL);
  assert_parts("http://gpu7:8000/x#part", "http://gpu7:8000", "gpu7:8000", "/x", NULL);
  assert_parts("http://[::1]:8000/", "http://[::1]:8000", "[::1]:8000", "/", NULL);
}

/* The examples of RFC 4648 among them. */
static void credentials_are_as_basic_authentication_has_them(void **state)
{
  (void)state;
  assert_parts("http://f:ooba@h/", "http://h:80", "h", "/", "Zjpvb2Jh");
  assert_parts("http://a%40b:p%3Aw@h/", "http://h:80", "h", "/", "YUBiOnA6dw==");
  assert_parts("http://user@h/", "http://h:80", "h", "/", "dXNlcjo=");
}

static void what_is_no_http_url_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = { "", "gpu7", "ftp://gpu7/", "http://", "http://a b/", "/v1" };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    sb_url url;
    sb_err err = { 0 };
    assert_int_equal(sb_url_parse(texts[i], &url, &err), SB_EINVAL);
    assert_non_null(strstr(err.text, "not an http:// or https:// URL"));
  }
}

/* In libcurl's place (net.cmake): how many calls are left before memory runs out. */
static int calls_left = -1;
CURLUcode __wrap_curl_url_get(const CURLU *handle, CURLUPart what, char **part, unsigned flags);
CURLUcode __real_curl_url_get(const CURLU *handle, CURLUPart what, char **part, unsigned flags);

CURLUcode __wrap_curl_url_get(const CURLU *handle, CURLUPart what, char **part, unsigned flags)
{
  if (calls_left == 0)
    return CURLUE_OUT_OF_MEMORY;
  calls_left -= calls_left > 0;
  return __real_curl_url_get(handle, what, part, flags);
}

/* What cannot be had must not pass for what is not there: a request without its query, or its credentials. */
static void a_lack_of_memory_is_no_lack_of_a_part(void **state)
{
  (void)state;
  static const char text[] = "http://user:password@gpu7:8000/v1?a=b";
  sb_url url;
  for (int calls = 0; calls < 8; calls++) {
    sb_err err = { 0 };
    calls_left = calls;
    assert_int_equal(sb_url_parse(text, &url, &err), SB_ENOMEM);
    assert_int_equal(err.code, SB_ENOMEM);
  }
  calls_left = 8; /* one a part */
  assert_int_equal(sb_url_parse(text, &url, NULL), SB_OK);
  calls_left = -1;
  sb_url_deinit(&url);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_url_is_taken_apart),
    cmocka_unit_test(credentials_are_as_basic_authentication_has_them),
    cmocka_unit_test(what_is_no_http_url_is_refused),
    cmocka_unit_test(a_lack_of_memory_is_no_lack_of_a_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
