#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/segments.h"
#include "net/stamps.h"

/* What is known of the arrival of bytes that waited in a socket. */

#define EVENT(text) "data: " text "\n\n"

typedef struct pair {
  int server, client;
  sb_stamps stamps;
  sb_stamped stamped;
  char data[64 * 1024];
} pair;

static void open_pair(pair *p)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
  p->client = socket(AF_INET, SOCK_STREAM, 0);
  sb_stamps_ask(p->client);
  assert_int_equal(connect(p->client, (struct sockaddr *)&address, size), 0);
  p->server = accept(listener, NULL, NULL);
  assert_int_equal(setsockopt(p->server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  close(listener);
  p->stamped = (sb_stamped){ .counted = true };
  sb_stamps_init(&p->stamps);
}

static void close_pair(pair *p)
{
  close(p->server);
  close(p->client);
}

static void send_text(pair *p, const char *text)
{
  assert_int_equal(send(p->server, text, strlen(text), 0), strlen(text));
}

static void pause_ms(int ms)
{
  nanosleep(&(struct timespec){ .tv_nsec = ms * 1000L * 1000 }, NULL);
}

/* In libc's place: what comes between a look and the read. */
static void (*after_look)(void);

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
  ssize_t n = recvfrom(fd, buffer, size, flags, NULL, NULL);
  if (after_look && (flags & MSG_PEEK))
    after_look();
  return n;
}

/* As a turn of the loop that waited since before anything was sent. */
static size_t receive(pair *p)
{
  sb_stamps_begin(&p->stamps, sb_clock_now(), p->stamps.t_empty);
  ssize_t n = sb_stamps_receive(&p->stamps, &p->stamped, p->client, p->data, sizeof p->data);
  assert_true(n > 0);
  return (size_t)n;
}

static sb_arrival next(pair *p, const char *want, size_t *at)
{
  size_t size = sb_stamps_next(&p->stamps);
  assert_int_equal(size, strlen(want));
  assert_memory_equal(p->data + *at, want, size);
  *at += size;
  return p->stamps.arrival;
}

/* A new connection's first segments are acknowledged as they come, so that the kernel joins those that wait. Where no
 * other socket asks for stamps, it begins to give them only some time after it was asked. */
static void warm_up(pair *p)
{
  bool stamped = false;
  for (int i = 0; i < 32 || (!stamped && i < 1000); i++) {
    if (i >= 32)
      pause_ms(1);
    send_text(p, EVENT("warm"));
    size_t at = 0;
    receive(p);
    stamped = next(p, EVENT("warm"), &at).by_kernel;
  }
}

/* Unless the kernel joined the two: it may where this test was put aside for tens of milliseconds between them. */
static void segments_that_waited_keep_their_times(void **state)
{
  (void)state;
  for (int attempt = 0; attempt < 20; attempt++) {
    pair p;
    open_pair(&p);
    warm_up(&p);
    p.stamped.gap = p.stamps.t_empty = 0; /* the silence before is a long one */
    int64_t t = sb_clock_now();
    send_text(&p, EVENT("a"));
    pause_ms(2);
    send_text(&p, EVENT("b") "\r\n");
    size_t at = 0, n = receive(&p);
    sb_arrival first = next(&p, EVENT("a"), &at), second = next(&p, EVENT("b") "\r\n", &at);
    assert_int_equal(at, n);
    assert_int_equal(sb_stamps_next(&p.stamps), 0);
    close_pair(&p);
    if (first.kind == SB_ARRIVAL_JOINED)
      continue;
    assert_int_equal(first.kind, SB_ARRIVAL_APART);
    assert_true(first.by_kernel && second.by_kernel);
    assert_true(first.t_ns >= t && second.t_ns - first.t_ns >= 2 * SB_NS_PER_MS);
    return;
  }
  fail_msg("the kernel joined two segments twenty times");
}

/* Until the server's kernel has repeated what is not acknowledged, which counts as one more segment. */
static bool await_loss_probe(const pair *p, uint32_t sent)
{
  uint32_t segments = sent;
  uint64_t bytes;
  for (int i = 0; i < 100 && segments == sent; i++) {
    pause_ms(1);
    assert_true(sb_segments_received(p->client, &segments, &bytes));
  }
  return segments > sent;
}

static uint32_t segments_of(const pair *p)
{
  uint32_t segments;
  uint64_t bytes;
  assert_true(sb_segments_received(p->client, &segments, &bytes));
  return segments;
}

/* Two events and a probe, and what comes after it: false where this kernel did otherwise. */
static bool receive_probed(pair *p, const char *after)
{
  open_pair(p);
  warm_up(p);
  p->stamped.gap = p->stamps.t_empty = 0;
  uint32_t before = segments_of(p);
  send_text(p, EVENT("a"));
  pause_ms(2);
  send_text(p, EVENT("b"));
  bool probed = await_loss_probe(p, before + 2);
  send_text(p, after);
  receive(p);
  return probed && p->stamps.parts[0].arrival.t_ns != p->stamps.parts[1].arrival.t_ns;
}

static void a_loss_probe_is_no_event_s_segment(void **state)
{
  (void)state;
  for (int attempt = 0; attempt < 20; attempt++) {
    pair p;
    bool probed = receive_probed(&p, "");
    size_t at = 0;
    sb_arrival a = next(&p, EVENT("a"), &at), b = next(&p, EVENT("b"), &at);
    close_pair(&p);
    if (!probed)
      continue;
    assert_int_equal(a.kind, SB_ARRIVAL_APART);
    assert_int_equal(b.kind, SB_ARRIVAL_APART);
    return;
  }
  skip(); /* this kernel probes for no loss */
}

/* It is acknowledged, and what comes then is joined with what waits: of the two the first is in doubt. */
static void what_follows_a_loss_probe_may_be_joined(void **state)
{
  (void)state;
  for (int attempt = 0; attempt < 20; attempt++) {
    pair p;
    bool probed = receive_probed(&p, EVENT("c"));
    size_t at = 0;
    sb_arrival a = next(&p, EVENT("a"), &at), b = next(&p, EVENT("b"), &at), c = next(&p, EVENT("c"), &at);
    close_pair(&p);
    if (!probed || b.t_ns != c.t_ns)
      continue;
    assert_int_equal(a.kind, SB_ARRIVAL_APART);
    assert_int_equal(b.kind, SB_ARRIVAL_JOINED);
    assert_true(b.t_empty == a.t_ns);
    assert_int_equal(c.kind, SB_ARRIVAL_APART);
    return;
  }
  skip();
}

static pair *looked_at;

static void send_late(void)
{
  pause_ms(1);
  send_text(looked_at, EVENT("late"));
}

static void what_comes_after_the_look_may_be_joined(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  send_text(&p, EVENT("a"));
  looked_at = &p;
  after_look = send_late;
  size_t at = 0;
  receive(&p);
  after_look = NULL;
  sb_arrival a = next(&p, EVENT("a"), &at);
  assert_false(sb_stamps_has_next(&p.stamps));
  assert_true(a.t_ns <= p.stamps.t_looked ? a.kind == SB_ARRIVAL_READ : a.kind == SB_ARRIVAL_JOINED);
  close_pair(&p);
}

/* A connection's first reads, too: its first one follows no silence, however long the machine has been up. */
static void a_silence_after_the_first_read_is_noticed(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  send_text(&p, EVENT("a"));
  receive(&p);
  pause_ms(2);
  send_text(&p, EVENT("b"));
  send_text(&p, EVENT("c"));
  size_t at = 0, n = receive(&p);
  next(&p, EVENT("b"), &at);
  assert_true(sb_stamps_has_next(&p.stamps));
  next(&p, EVENT("c"), &at);
  assert_int_equal(at, n);
  close_pair(&p);
}

static void events_of_one_segment_came_together(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  send_text(&p, EVENT("a") EVENT("b"));
  pause_ms(1);
  size_t at = 0, n = receive(&p);
  sb_arrival first = next(&p, EVENT("a"), &at), second = next(&p, EVENT("b"), &at);
  assert_int_equal(at, n);
  assert_int_equal(first.kind, SB_ARRIVAL_APART);
  assert_int_equal(second.kind, SB_ARRIVAL_APART);
  assert_true(first.t_ns == second.t_ns);
  close_pair(&p);
}

/* More segments than events and a loss probe's: some event came in several, and nobody knows whose a stamp is. */
static void events_across_segments_are_no_one_s(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  int64_t empty = p.stamps.t_empty;
  send_text(&p, "data: ");
  send_text(&p, "a\n\n");
  send_text(&p, "data: ");
  pause_ms(1);
  send_text(&p, "b\n\n");
  size_t at = 0, n = receive(&p);
  sb_arrival first = next(&p, EVENT("a"), &at), second = next(&p, EVENT("b"), &at);
  assert_int_equal(at, n);
  assert_int_equal(first.kind, SB_ARRIVAL_JOINED);
  assert_int_equal(second.kind, SB_ARRIVAL_JOINED);
  assert_int_equal(first.t_empty, empty);
  assert_true(second.t_empty >= empty && second.t_empty <= second.t_ns);
  close_pair(&p);
}

/* A server that is not acknowledged stops sending: what comes once it is may have been written long before. */
static void what_follows_a_crowd_may_have_been_held_back(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  for (int i = 0; i < 9; i++)
    send_text(&p, EVENT("a"));
  pause_ms(1);
  size_t at = 0;
  receive(&p);
  for (int i = 0; i < 9; i++)
    next(&p, EVENT("a"), &at);
  assert_int_equal(sb_stamps_next(&p.stamps), 0);
  int64_t crowd = p.stamps.arrival.t_ns;
  assert_true(p.stamped.t_crowded >= crowd);
  send_text(&p, EVENT("b"));
  p.stamped.t_crowded = sb_clock_now(); /* however long this test was put aside */
  receive(&p);
  at = 0;
  sb_arrival later = next(&p, EVENT("b"), &at);
  assert_int_equal(later.kind, SB_ARRIVAL_JOINED);
  assert_int_equal(later.t_empty, crowd);
  send_text(&p, EVENT("c"));
  receive(&p);
  at = 0;
  assert_int_equal(next(&p, EVENT("c"), &at).kind, SB_ARRIVAL_READ);
  close_pair(&p);
}

/* A call more, and as many as there are events: only where they can have come so far apart that it matters. */
static void a_socket_just_seen_empty_is_read_whole(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  send_text(&p, EVENT("a"));
  send_text(&p, EVENT("b"));
  int64_t t = sb_clock_now();
  sb_stamps_begin(&p.stamps, t, t);
  ssize_t n = sb_stamps_receive(&p.stamps, &p.stamped, p.client, p.data, sizeof p.data);
  assert_int_equal(sb_stamps_next(&p.stamps), n);
  assert_int_equal(p.stamps.arrival.kind, SB_ARRIVAL_READ);
  assert_false(sb_stamps_one_segment(&p.stamps));
  close_pair(&p);
}

static void more_events_than_parts_end_in_one_part(void **state)
{
  (void)state;
  pair p;
  open_pair(&p);
  char text[(SB_STAMPS_PARTS + 9) * sizeof EVENT("a")] = "";
  for (int i = 0; i < SB_STAMPS_PARTS + 9; i++)
    strcat(text, EVENT("a"));
  send_text(&p, text);
  pause_ms(1);
  size_t n = receive(&p), parts = 0, all = 0;
  for (size_t size; (size = sb_stamps_next(&p.stamps)); parts++)
    all += size;
  assert_int_equal(parts, SB_STAMPS_PARTS);
  assert_int_equal(all, n);
  assert_int_equal(n, strlen(text));
  close_pair(&p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(segments_that_waited_keep_their_times),
    cmocka_unit_test(a_loss_probe_is_no_event_s_segment),
    cmocka_unit_test(what_follows_a_loss_probe_may_be_joined),
    cmocka_unit_test(what_comes_after_the_look_may_be_joined),
    cmocka_unit_test(a_silence_after_the_first_read_is_noticed),
    cmocka_unit_test(events_of_one_segment_came_together),
    cmocka_unit_test(events_across_segments_are_no_one_s),
    cmocka_unit_test(what_follows_a_crowd_may_have_been_held_back),
    cmocka_unit_test(a_socket_just_seen_empty_is_read_whole),
    cmocka_unit_test(more_events_than_parts_end_in_one_part),
  };
  return cmocka_run_group_tests_name("stamps", tests, NULL, NULL);
}
