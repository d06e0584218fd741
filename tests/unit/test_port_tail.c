/* Ports for servers that are about to start, and the end of a server's log. */
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/port.h"
#include "proc/tail.h"

static int bound_socket(int port)
{
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void a_free_port_can_be_bound_and_is_taken_from_then_on(void **state)
{
  (void)state;
  sb_err err;
  int port = sb_free_port("127.0.0.1", &err);
  assert_in_range(port, 1, 65535);
  assert_false(sb_port_taken("127.0.0.1", port));
  int fd = bound_socket(port);
  assert_true(sb_port_taken("127.0.0.1", port)); /* bound, not listening */
  assert_int_equal(listen(fd, 1), 0);
  assert_true(sb_port_taken("127.0.0.1", port));
  close(fd);
  assert_false(sb_port_taken("127.0.0.1", port));
}

static void a_host_name_works_and_a_bad_one_is_named(void **state)
{
  (void)state;
  sb_err err;
  struct addrinfo *found = NULL;
  if (getaddrinfo("localhost", NULL, NULL, &found) == 0) /* a bare system may not know it */
    assert_in_range(sb_free_port("localhost", &err), 1, 65535);
  else
    assert_int_equal(sb_free_port("localhost", &err), SB_EINVAL);
  if (found)
    freeaddrinfo(found);
  assert_int_equal(sb_free_port("not an address", &err), SB_EINVAL);
  assert_non_null(strstr(err.text, "not an address"));
  assert_int_equal(sb_free_port("192.0.2.1", &err), SB_EIO); /* TEST-NET-1: of no machine */
  assert_non_null(strstr(err.text, "192.0.2.1"));
  assert_true(sb_port_taken("192.0.2.1", 8000));
  assert_true(sb_port_taken("127.0.0.1", 0));
  assert_true(sb_port_taken("127.0.0.1", 65536));
}

typedef struct log_file {
  char path[64];
  sb_strbuf tail;
} log_file;

static log_file log_of(const char *text, size_t size)
{
  log_file log = { .path = "sb-tail-XXXXXX" };
  int fd = mkstemp(log.path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, size), (ssize_t)size);
  close(fd);
  return log;
}

static void log_done(log_file *log)
{
  unlink(log->path);
  sb_strbuf_deinit(&log->tail);
}

static void check_tail(const char *text, size_t max_lines, const char *expected)
{
  log_file log = log_of(text, strlen(text));
  sb_strbuf_puts(&log.tail, ">");
  assert_int_equal(sb_log_tail(log.path, 0, max_lines, &log.tail, NULL), 0);
  assert_string_equal(log.tail.data + 1, expected);
  log_done(&log);
}

static void the_tail_is_the_last_lines_each_ended(void **state)
{
  (void)state;
  check_tail("a\nb\nc\n", 2, "b\nc\n");
  check_tail("a\nb\nc", 2, "b\nc\n");
  check_tail("a\nb\nc\n", 3, "a\nb\nc\n");
  check_tail("a\nb\n", 9, "a\nb\n");
  check_tail("a\n\n\n", 2, "\n\n");
  check_tail("a\n", 0, "");
  check_tail("", 5, "");
}

static void a_long_log_gives_its_end_only(void **state)
{
  (void)state;
  enum { LINES = 30000 };
  sb_strbuf text = { 0 };
  for (int i = 0; i < LINES; i++)
    sb_strbuf_printf(&text, "line %d\n", i);
  log_file log = log_of(text.data, text.size);
  assert_int_equal(sb_log_tail(log.path, 0, 2, &log.tail, NULL), 0);
  assert_string_equal(log.tail.data, "line 29998\nline 29999\n");
  sb_strbuf_clear(&log.tail);
  assert_int_equal(sb_log_tail(log.path, 0, LINES, &log.tail, NULL), 0);
  assert_int_equal(log.tail.size, 65536);
  log_done(&log);
  sb_strbuf_deinit(&text);
}

static void what_earlier_servers_wrote_is_no_part_of_the_tail(void **state)
{
  (void)state;
  /* beyond the end: the log was moved aside and begun anew */
  static const struct {
    uint64_t from;
    const char *expected;
  } cases[] = { { 0, "b\nc\n" }, { 2, "b\nc\n" }, { 4, "c\n" },
                { 6, "" },       { 7, "b\nc\n" }, { UINT64_MAX, "b\nc\n" } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    log_file log = log_of("a\nb\nc\n", 6);
    sb_strbuf_puts(&log.tail, ">");
    assert_int_equal(sb_log_tail(log.path, cases[i].from, 2, &log.tail, NULL), 0);
    assert_string_equal(log.tail.data + 1, cases[i].expected);
    log_done(&log);
  }
}

static void a_missing_log_is_named_and_the_output_untouched(void **state)
{
  (void)state;
  sb_err err;
  sb_strbuf out = { 0 };
  assert_int_equal(sb_log_tail("no/such/server.log", 0, 5, &out, &err), SB_EIO);
  assert_non_null(strstr(err.text, "no/such/server.log"));
  assert_int_equal(out.size, 0);
}

static void a_pipe_has_no_last_lines_and_is_not_waited_for(void **state)
{
  (void)state;
  sb_err err;
  sb_strbuf out = { 0 };
  char path[] = "sb-tail-XXXXXX";
  assert_non_null(mkdtemp(path));
  char pipe[sizeof path + 8];
  snprintf(pipe, sizeof pipe, "%s/log", path);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  assert_int_equal(sb_log_tail(pipe, 0, 5, &out, &err), SB_EIO);
  assert_non_null(strstr(err.text, pipe));
  assert_int_equal(out.size, 0);
  unlink(pipe);
  rmdir(path);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_free_port_can_be_bound_and_is_taken_from_then_on),
    cmocka_unit_test(a_host_name_works_and_a_bad_one_is_named),
    cmocka_unit_test(the_tail_is_the_last_lines_each_ended),
    cmocka_unit_test(a_long_log_gives_its_end_only),
    cmocka_unit_test(what_earlier_servers_wrote_is_no_part_of_the_tail),
    cmocka_unit_test(a_missing_log_is_named_and_the_output_untouched),
    cmocka_unit_test(a_pipe_has_no_last_lines_and_is_not_waited_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
