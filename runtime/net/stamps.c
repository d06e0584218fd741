#include "net/stamps.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "net/segments.h"

/* Two looks at the two clocks that are further apart say nothing of their difference; a difference that moves faster
 * than clocks are slewed was set. */
static const int64_t PAIR_NS = 3 * 1000, STEP_NS = 100 * 1000;
static const int64_t SLEW_PART = 1000;

/* A socket in which bytes cannot have waited for longer is read whole: looking at them first costs a call more. */
static const int64_t SHORT_NS = 400 * 1000;

static const int64_t CARE_NS = SB_NS_PER_S;

/* A sender goes on without being acknowledged for ten segments at least (RFC 6928), a few of which may have been read
 * before. What it held back follows the acknowledgement, which goes when these are read. */
enum { FEW_SEGMENTS = 6 };
static const int64_t HELD_BACK_NS = 2 * SB_NS_PER_MS;

/* The kernel stamps in CLOCK_REALTIME: how far that is ahead, anew for each batch. Void where the clock was set since
 * the batch before, for a stamp may be from either side, and where we were put aside between two looks. */
static void pair_clocks(sb_stamps *s)
{
  int64_t before = s->now, real, after;
  for (int i = 0; i < 3; i++) {
    real = sb_clock_wall();
    after = sb_clock_now();
    s->paired = after - before < PAIR_NS;
    if (s->paired)
      break;
    before = after;
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
  *s = (sb_stamps){ .now = sb_clock_now() };
  s->t_empty = s->now;
  pair_clocks(s);
}

void sb_stamps_begin(sb_stamps *s, int64_t t_ready, int64_t t_empty)
{
  s->now = s->batch_start = t_ready;
  s->t_empty = t_empty;
  pair_clocks(s);
}

void sb_stamps_end(sb_stamps *s)
{
  s->before_start = s->batch_start;
  s->before_end = sb_clock_now();
  s->batch_start = 0;
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

static ssize_t receive_part(sb_stamps *s, int socket, char *buffer, size_t size)
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
  if (n > 0)
    s->parts[s->part_count++] = (sb_part){ .size = (size_t)n, .arrival.t_ns = stamp_of(s, &message) };
  return n;
}

/* What the number of segments that came since they were counted last says of the stamps seen since. */
typedef enum evidence {
  NO_EVIDENCE,
  PARTS_WHOLE, /* no part came in several segments: there are no more than parts, but for one that came twice */
  ONE_EACH     /* each stamp is that of one segment: there are as many */
} evidence;

/* A sender whose last segment is not acknowledged repeats it after some 8 ms (a loss probe): that counts once more. What
 * is unread is one more at least. own: stamps of what was read last. */
static evidence count_segments(sb_stamped *c, int socket, uint32_t own, int64_t now)
{
  uint32_t segments;
  uint64_t bytes;
  if (!sb_segments_received(socket, &segments, &bytes))
    return NO_EVIDENCE;
  bool unread = bytes != c->bytes_read;
  segments -= unread;
  uint32_t came = segments - c->counted_segments, stamps = c->stamps - c->counted_stamps;
  evidence found = !c->counted                               ? NO_EVIDENCE
                   : came == stamps                          ? ONE_EACH
                   : came - 1 <= c->parts - c->counted_parts ? PARTS_WHOLE
                                                             : NO_EVIDENCE;
  if (!c->counted || came - (stamps - own) > FEW_SEGMENTS)
    c->t_crowded = now;
  c->counted = found == ONE_EACH || !unread;
  c->counted_segments = segments;
  c->counted_stamps = c->stamps;
  c->counted_parts = c->parts;
  return found;
}

/* Parts of one stamp came in one segment, or in several that the kernel joined: then it is the last one's. So where no
 * part came in several segments, the last part of each stamp has its own. */
static void tell_apart(sb_stamps *s, evidence found)
{
  for (int i = 0; i < s->part_count; i++) {
    sb_part *part = &s->parts[i];
    bool last = i == s->part_count - 1 || part->arrival.t_ns != part[1].arrival.t_ns;
    bool own = found == ONE_EACH || (found == PARTS_WHOLE && last);
    part->arrival.kind = own && part->arrival.t_ns <= s->t_looked ? SB_ARRIVAL_APART : SB_ARRIVAL_JOINED;
  }
}

/* Gives the parts their times. One came after the part before where that has another stamp, and else as early as that
 * may have. What follows a crowd at once may have been held back as long as the crowd was not acknowledged. */
static void settle(sb_stamps *s, sb_stamped *c, int socket, int64_t empty)
{
  bool later = s->part_count > 1 || s->parts[0].arrival.t_ns > s->now;
  int64_t before = 0, now = later ? sb_clock_now() : s->now;
  bool held_back = c->t_crowded && s->parts[0].arrival.t_ns - c->t_crowded < HELD_BACK_NS;
  int64_t floor = held_back ? c->t_last : empty;
  uint32_t stamps = 0;
  for (int i = 0; i < s->part_count; i++) {
    int64_t stamp = s->parts[i].arrival.t_ns;
    if (i && stamp != before)
      floor = before < floor ? floor : before;
    stamps += !i || stamp != before;
    before = stamp;
    s->parts[i].arrival = (sb_arrival){
      .t_ns = !stamp        ? s->now
              : stamp > now ? now /* by what the clocks' pairing is off */
                            : stamp,
      .t_empty = floor,
      .by_kernel = stamp != 0,
      .kind = held_back || stamp > s->t_looked ? SB_ARRIVAL_JOINED : SB_ARRIVAL_READ,
    };
    c->bytes_read += s->parts[i].size;
  }
  c->stamps += stamps;
  c->parts += (uint32_t)s->part_count;
  c->t_crowded = 0;
  if (s->part_count == 1)
    return;
  evidence found = count_segments(c, socket, stamps, now);
  /* one segment may have waited for others' acknowledgement */
  bool waited = held_back || (c->t_crowded && stamps < (uint32_t)s->part_count);
  tell_apart(s, waited ? NO_EVIDENCE : found);
}

static bool is_care_wanted(const sb_stamps *s)
{
  return s->t_care_wanted && s->now - s->t_care_wanted < CARE_NS;
}

/* Several segments may wait that came too far apart for one time: after a silence longer than usual, and anywhere for a
 * while after such were read. */
static bool needs_care(const sb_stamps *s, const sb_stamped *c, int64_t empty)
{
  return s->now - empty > SHORT_NS && (is_care_wanted(s) || s->now - c->t_last > c->gap + c->gap / 2);
}

/* The first bytes, up to and with a blank line and what newlines follow it. */
static size_t first_part(const char *data, size_t size)
{
  const char *end = data + size;
  for (const char *p = data; (p = memchr(p, '\n', (size_t)(end - p)));) {
    const char *line = ++p;
    while (p < end && (*p == '\n' || *p == '\r'))
      p++;
    if (memchr(line, '\n', (size_t)(p - line)))
      return (size_t)(p - data);
  }
  return size;
}

/* Reads what has come so far, and no more, up to the end of one event after the other. */
static ssize_t receive_parts(sb_stamps *s, int socket, char *buffer, size_t size)
{
  ssize_t here = recv(socket, buffer, size, MSG_DONTWAIT | MSG_PEEK), n = 0;
  if (here <= 0)
    return here;
  s->t_looked = sb_clock_now(); /* a later stamp is that of a segment which came then and was joined */
  size_t at = 0, all = (size_t)here;
  while (at < all && s->part_count < SB_STAMPS_PARTS) {
    size_t want = s->part_count < SB_STAMPS_PARTS - 1 ? first_part(buffer + at, all - at) : all - at;
    n = receive_part(s, socket, buffer + at, want);
    if (n <= 0)
      break;
    at += (size_t)n;
  }
  return at ? (ssize_t)at : n;
}

/* On loopback a segment that waits is joined with the next one only once it was acknowledged, for then nobody else holds
 * it. So what was read is acknowledged at once, not later, together with the first that waits. */
static void acknowledge(sb_stamped *c, int socket)
{
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  c->acknowledges = true;
}

ssize_t sb_stamps_receive(sb_stamps *s, sb_stamped *c, int socket, void *buffer, size_t size)
{
  int64_t empty = c->t_empty ? c->t_empty : s->t_empty;
  s->part_count = s->part_at = 0;
  s->t_looked = INT64_MAX;
  s->reading = c;
  s->socket = socket;
  ssize_t n = needs_care(s, c, empty) ? receive_parts(s, socket, buffer, size)
                                      : receive_part(s, socket, buffer, size);
  if (n <= 0)
    return n;
  settle(s, c, socket, empty);
  if (!c->acknowledges && is_care_wanted(s))
    acknowledge(c, socket);
  c->t_empty = (size_t)n == size ? empty : 0; /* full: more may have come before we read */
  int64_t t = s->parts[s->part_count - 1].arrival.t_ns;
  if (c->t_last) /* else it was the connection's first read */
    c->gap += (t - c->t_last - c->gap) / 4;
  c->t_last = t;
  return n;
}

size_t sb_stamps_next(sb_stamps *s)
{
  if (!sb_stamps_has_next(s))
    return 0;
  s->arrival = s->parts[s->part_at].arrival;
  return s->parts[s->part_at++].size;
}

bool sb_stamps_has_next(const sb_stamps *s)
{
  return s->part_at < s->part_count;
}

void sb_stamps_unstamped(sb_stamps *s)
{
  s->arrival = (sb_arrival){ .t_ns = s->now, .t_empty = s->t_empty };
  s->reading = NULL;
}

bool sb_stamps_one_segment(sb_stamps *s)
{
  return s->reading && count_segments(s->reading, s->socket, 1, s->now) == ONE_EACH;
}

void sb_stamps_want_care(sb_stamps *s)
{
  s->t_care_wanted = s->now;
}
