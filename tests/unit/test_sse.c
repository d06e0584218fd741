#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/sse.h"

/* Events as one string: each in angle brackets. */
static void note(void *context, const char *data, size_t size)
{
  sb_strbuf *events = context;
  sb_strbuf_putc(events, '<');
  sb_strbuf_append(events, data, size);
  sb_strbuf_putc(events, '>');
}

/* Feeds `text` cut at `cut`, each part in a heap block of its own, so that a read past it is seen. */
static void feed_cut(sb_sse *sse, const char *text, size_t size, size_t cut, sb_strbuf *events)
{
  char *head = sb_alloc(cut), *tail = sb_alloc(size - cut);
  memcpy(head, text, cut);
  memcpy(tail, text + cut, size - cut);
  sb_sse_feed(sse, head, cut, note, events);
  free(head);
  sb_sse_feed(sse, tail, size - cut, note, events);
  free(tail);
}

/* Whole, cut in two at every byte, and byte by byte. */
static void assert_events(const char *text, const char *want)
{
  size_t size = strlen(text);
  sb_sse sse = { 0 };
  sb_strbuf events = { 0 };
  for (size_t cut = 0; cut <= size; cut++) {
    sb_sse_reset(&sse);
    sb_strbuf_clear(&events);
    sb_strbuf_puts(&events, "");
    feed_cut(&sse, text, size, cut, &events);
    assert_string_equal(events.data, want);
  }
  sb_sse_reset(&sse);
  sb_strbuf_clear(&events);
  for (size_t i = 0; i < size; i++)
    sb_sse_feed(&sse, text + i, 1, note, &events);
  assert_string_equal(events.data, want);
  sb_sse_deinit(&sse);
  sb_strbuf_deinit(&events);
}

static void a_data_line_and_a_blank_one_are_an_event(void **state)
{
  (void)state;
  assert_events("data: {\"a\":1}\n\n", "<{\"a\":1}>");
  assert_events("data: one\n\ndata: two\n\n", "<one><two>");
  assert_events("", "");
}

static void all_three_line_ends_are_understood(void **state)
{
  (void)state;
  assert_events("data: one\r\n\r\ndata: two\r\rdata: three\n\n", "<one><two><three>");
  assert_events("data: a\r\ndata: b\rdata: c\n\r\n", "<a\nb\nc>");
  assert_events("\r\n\r\n\n\rdata: x\n\n", "<x>");
}

static void data_lines_of_an_event_are_joined(void **state)
{
  (void)state;
  assert_events("data: one\ndata: two\ndata:\n\n", "<one\ntwo\n>");
}

static void one_space_after_the_colon_is_dropped(void **state)
{
  (void)state;
  assert_events("data:x\n\ndata: x\n\ndata:  x\n\n", "<x><x>< x>");
}

static void an_empty_data_field_is_an_empty_event(void **state)
{
  (void)state;
  assert_events("data\n\ndata:\n\ndata: \n\n", "<><><>");
}

static void other_fields_and_comments_are_read_over(void **state)
{
  (void)state;
  assert_events(": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n:\n\n", "<a>");
  assert_events("dat: a\n\ndatax: b\n\nDATA: c\n\n data: d\n\nid: e\n\n", "");
  assert_events("event: x\n\ndata: y\n\n", "<y>");
}

static void an_event_needs_its_blank_line(void **state)
{
  (void)state;
  assert_events("data: a\n\ndata: b\n", "<a>");
  assert_events("data: a\n\ndata: b", "<a>");
}

static void a_byte_order_mark_may_come_first_and_nowhere_else(void **state)
{
  (void)state;
  assert_events("\xef\xbb\xbf"
                "data: a\n\n",
                "<a>");
  assert_events("\xef\xbb\xbf\ndata: a\n\n", "<a>");
  assert_events("\xef\xbb\xbf\xef\xbb\xbf"
                "data: a\n\n",
                "");
  assert_events("data: a\n\n\xef\xbb\xbf"
                "data: b\n\n",
                "<a>");
  assert_events("\xef\xbb"
                "data: a\n\n",
                "");
}

static void zero_bytes_pass_through(void **state)
{
  (void)state;
  const char text[] = "data: a\0b\n\n";
  sb_sse sse = { 0 };
  sb_strbuf events = { 0 };
  for (size_t cut = 0; cut < sizeof text; cut++) {
    sb_sse_reset(&sse);
    sb_strbuf_clear(&events);
    feed_cut(&sse, text, sizeof text - 1, cut, &events);
    assert_int_equal(events.size, 5);
    assert_memory_equal(events.data, "<a\0b>", 5);
  }
  sb_sse_deinit(&sse);
  sb_strbuf_deinit(&events);
}

static void a_reset_parser_forgets_the_stream_before(void **state)
{
  (void)state;
  sb_sse sse = { 0 };
  sb_strbuf events = { 0 };
  const char *half = "data: one\ndata: tw";
  sb_sse_feed(&sse, half, strlen(half), note, &events);
  sb_sse_reset(&sse);
  sb_sse_feed(&sse, "o\n\n\xef", 4, note, &events);
  assert_int_equal(events.size, 0);
  sb_sse_reset(&sse);
  const char *next = "\xef\xbb\xbf"
                     "data: x\n\n";
  sb_sse_feed(&sse, next, strlen(next), note, &events);
  assert_string_equal(events.data, "<x>");
  sb_sse_deinit(&sse);
  sb_strbuf_deinit(&events);
}

/* Feeds `head`, then x's beyond the limit in blocks, each followed by `between`. */
static void feed_too_much(sb_sse *sse, const char *head, const char *between, sb_strbuf *events)
{
  enum { BLOCK = 1024 * 1024 };
  char *block = sb_alloc(BLOCK);
  memset(block, 'x', BLOCK);
  sb_sse_feed(sse, head, strlen(head), note, events);
  for (int i = 0; i <= SB_SSE_MAX_EVENT / BLOCK + 2; i++) {
    sb_sse_feed(sse, block, BLOCK, note, events);
    sb_sse_feed(sse, between, strlen(between), note, events);
    assert_true(sse->line.size + sse->data.size <= SB_SSE_MAX_EVENT + BLOCK);
  }
  free(block);
}

static void an_event_that_is_too_large_is_left_out_and_the_next_one_is_read(void **state)
{
  (void)state;
  static const struct {
    const char *head, *between, *end;
  } shapes[] = {
    { "data: ", "", "\n\n" },
    { "data: ", "", "\r\n\r\n" },
    { "data: ", "\ndata: ", "\n\n" },
    { "data: ", "", "\r\r" },
    { "data: ", "\r\ndata: ", "\nid: 1\n\n" },
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    sb_sse sse = { 0 };
    sb_strbuf events = { 0 };
    sb_sse_feed(&sse, "data: w\n\n", 9, note, &events);
    feed_too_much(&sse, shapes[i].head, shapes[i].between, &events);
    sb_sse_feed(&sse, shapes[i].end, strlen(shapes[i].end), note, &events);
    assert_int_equal(sse.oversized, 1);
    sb_sse_feed(&sse, "data: y\n\ndata: z\n\n", 18, note, &events);
    assert_string_equal(events.data, "<w><y><z>");
    sb_sse_deinit(&sse);
    sb_strbuf_deinit(&events);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_data_line_and_a_blank_one_are_an_event),
    cmocka_unit_test(all_three_line_ends_are_understood),
    cmocka_unit_test(data_lines_of_an_event_are_joined),
    cmocka_unit_test(one_space_after_the_colon_is_dropped),
    cmocka_unit_test(an_empty_data_field_is_an_empty_event),
    cmocka_unit_test(other_fields_and_comments_are_read_over),
    cmocka_unit_test(an_event_needs_its_blank_line),
    cmocka_unit_test(a_byte_order_mark_may_come_first_and_nowhere_else),
    cmocka_unit_test(zero_bytes_pass_through),
    cmocka_unit_test(a_reset_parser_forgets_the_stream_before),
    cmocka_unit_test(an_event_that_is_too_large_is_left_out_and_the_next_one_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
