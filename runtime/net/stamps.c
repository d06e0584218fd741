#include "net/stamps.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "net/segments.h"

/* Two looks at the two clocks that are further apart say nothing of their difference; a difference that moves faster
 * than clocks are slewed was set. */
static const int64_t PAIR_NS = 3 * 1000, STEP_NS = 100 * 1000;
static const int64_t SLEW_PART = 1000;

static const int64_t TURNS_NS = SB_NS_PER_S;

/* The kernel stamps in CLOCK_REALTIME: how far that is ahead, anew for each batch. Void where the clock was set since
 * the batch before, for a stamp may be from either side, and where we were put aside between two looks. */
static void pair_clocks(sb_stamps *s)
{
  int64_t before, real, after;
  for (int i = 0; i < 3; i++) {
    before = sb_clock_now();
    real = sb_clock_wall();
    after = sb_clock_now();
    if (i == 0)
      s->now = after;
    s->paired = after - before < PAIR_NS;
    if (s->paired)
      break;
  }
  if (!s->paired)
    return;
  int64_t ahead = real - before - (after - before) / 2, moved = ahead - s->real_ahead;
  int64_t slewed = STEP_NS + (after - s->t_paired) / SLEW_PART;
  s->paired = s->t_paired && moved < slewed && moved > -slewed;
  s->real_ahead = ahead;
  s->t_paired = after;
}

void sb_stamps_init(sb_stamps *s)
{
  *s = (sb_stamps){ 0 };
  pair_clocks(s);
  s->t_wait = s->t_empty = s->now;
}

/* Sockets that were not reported in the turn before had nothing to read when it began to wait. */
void sb_stamps_turn(sb_stamps *s)
{
  if (!s->looked && s->t_wait > s->t_empty)
    s->t_empty = s->t_wait;
  s->looked = false;
  s->t_wait = sb_clock_now();
  s->batch_start = 0;
}

void sb_stamps_begin(sb_stamps *s)
{
  pair_clocks(s);
  s->batch_start = s->now;
  s->looked = true;
  s->batches++;
}

void sb_stamps_end(sb_stamps *s, int64_t t_look, bool all)
{
  if (all && s->t_empty < t_look)
    s->t_empty = t_look;
}

void sb_stamps_ask(int socket)
{
  int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

/* The kernel's stamp of what was received last, on our clock; 0: there is none, or it cannot be told. */
static int64_t stamp_of(const sb_stamps *s, struct msghdr *message)
{
  struct cmsghdr *control = CMSG_FIRSTHDR(message);
  struct timespec stamp;
  if (!s->paired || !control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
    return 0;
  memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
  return (int64_t)stamp.tv_sec * SB_NS_PER_S + stamp.tv_nsec - s->real_ahead;
}

ssize_t sb_stamps_receive(sb_stamps *s, sb_stamped *stamped, int socket, void *buffer, size_t size)
{
  union {
    char bytes[CMSG_SPACE(sizeof(struct timespec))];
    struct cmsghdr align;
  } control;
  struct iovec part = { buffer, size };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT);
  if (n <= 0)
    return n;
  int64_t stamp = stamp_of(s, &message), now = stamp ? sb_clock_now() : 0,
          empty = stamped->t_empty ? stamped->t_empty : s->t_empty;
  if (stamp > now) /* by what the clocks' pairing is off */
    stamp = now;
  s->arrival = (sb_arrival){ .t_ns = stamp ? stamp : s->now, .t_empty = empty, .by_kernel = stamp != 0 };
  stamped->t_empty = (size_t)n == size ? empty : 0; /* full: more may have come before we read */
  stamped->bytes_read += (uint64_t)n;
  stamped->reads++;
  s->reading = stamped;
  s->socket = socket;
  return n;
}

void sb_stamps_unstamped(sb_stamps *s)
{
  s->arrival = (sb_arrival){ .t_ns = s->now, .t_empty = s->t_empty };
  s->reading = NULL;
}

/* A read has at least one segment. So if as many came as there were reads since they were counted last, each had one. */
bool sb_stamps_one_segment(sb_stamps *s)
{
  sb_stamped *c = s->reading;
  uint32_t segments;
  uint64_t bytes;
  if (!c || !sb_segments_received(s->socket, &segments, &bytes))
    return false;
  bool all_read = bytes == c->bytes_read;
  bool one = all_read && c->counted && segments - c->counted_segments == c->reads - c->counted_reads;
  c->counted = all_read;
  c->counted_segments = segments;
  c->counted_reads = c->reads;
  return one;
}

void sb_stamps_want_turns(sb_stamps *s)
{
  s->t_turns_wanted = s->now;
}

bool sb_stamps_turns_wanted(const sb_stamps *s, int64_t now)
{
  return s->t_turns_wanted && now - s->t_turns_wanted < TURNS_NS;
}
