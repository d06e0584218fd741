#ifndef SB_STAMPS_H
#define SB_STAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* When bytes arrived that a loop reads from its sockets: the kernel's stamps, brought onto our clock, and when each
 * socket was last seen empty. A batch is all that was ready at one look at the sockets, of which a turn of the loop has
 * one. */

/* What is known of bytes beyond their time. */
typedef enum sb_arrival_kind {
  SB_ARRIVAL_READ,  /* all that a read brought: in one segment, or in several that waited for it */
  SB_ARRIVAL_APART, /* their last segment holds no byte of what came later: their time is their own */
  SB_ARRIVAL_JOINED /* the kernel may have joined that with a later one, whose time is theirs then */
} sb_arrival_kind;

/* Of bytes in hand. Where the kernel stamps what it receives (plain TCP) their time is that of the last of them, however
 * late they are read; else the time at which the loop learned of them, which is one for all of the batch. */
typedef struct sb_arrival {
  int64_t t_ns;    /* CLOCK_MONOTONIC */
  int64_t t_empty; /* a moment not after which nothing of them had come: the first of them came later */
  bool by_kernel;
  sb_arrival_kind kind;
} sb_arrival;

/* What was received is given part by part: one, or, where several segments may have waited, as many as there are blank
 * lines (the ends of events), for a segment that the kernel did not join with the one before keeps its own time. */
enum { SB_STAMPS_PARTS = 64 };

typedef struct sb_part {
  size_t size;
  sb_arrival arrival;
} sb_part;

/* Of one socket that the kernel stamps; zero-initialised but for `counted`, which is true. */
typedef struct sb_stamped {
  int64_t t_empty;     /* where the last read left something: since when it had not been seen empty; else 0 */
  int64_t t_last, gap; /* when bytes came last, and the usual time between reads */
  int64_t
      t_crowded; /* when so many segments were read at once that the server's kernel may have held more back; 0 */
  uint64_t bytes_read;
  uint32_t stamps, parts; /* different ones seen, and of how many parts */
  uint32_t counted_stamps, counted_parts,
      counted_segments; /* the same when segments were counted last, with their number */
  bool counted;         /* that holds: at the start, and where it was known what was left unread */
  bool acknowledges;    /* at once what is read (below), until a request is sent */
} sb_stamped;

/* Of a loop. */
typedef struct sb_stamps {
  int64_t now; /* stamp of the batch in hand */
  int64_t
      batch_start; /* the same; 0 between batches. What the loop spends from then on is its reader's own work */
  int64_t before_start, before_end; /* of the batch before; 0: there was none */
  int64_t t_empty;                  /* the sockets of the batch in hand had nothing to read then */
  int64_t real_ahead;               /* CLOCK_REALTIME less CLOCK_MONOTONIC at the batch's beginning */
  int64_t t_paired;                 /* when that was last found; 0: never */
  bool paired;                      /* it holds for this batch */
  int64_t t_care_wanted;            /* the last time; 0: never */
  sb_part parts[SB_STAMPS_PARTS];
  int part_count, part_at; /* of what was received last */
  int64_t t_looked;        /* what it was had come by then */
  sb_arrival arrival;      /* of the bytes in hand */
  sb_stamped *reading;     /* their socket, where the kernel stamps it; else NULL */
  int socket;              /* its number */
} sb_stamps;

void sb_stamps_init(sb_stamps *stamps);

/* The first socket of a batch is about to be handled, with the times of sb_turn; its last was handled. */
void sb_stamps_begin(sb_stamps *stamps, int64_t t_ready, int64_t t_empty);
void sb_stamps_end(sb_stamps *stamps);

/* Asks the kernel to stamp what the socket receives. Where it refuses, the loop's own time is taken. */
void sb_stamps_ask(int socket);

/* recv() without waiting, in parts. */
ssize_t sb_stamps_receive(sb_stamps *stamps, sb_stamped *stamped, int socket, void *buffer, size_t size);

/* The next part's size, and `arrival` is its; 0: there is none left. */
size_t sb_stamps_next(sb_stamps *stamps);
bool sb_stamps_has_next(const sb_stamps *stamps);

/* The bytes in hand came in some other way: `arrival` is the loop's own time. */
void sb_stamps_unstamped(sb_stamps *stamps);

/* Whether the bytes in hand, all that a read brought, came in one segment: then all of them came at their time. Costs a
 * call of the kernel's; false where it does not tell. */
bool sb_stamps_one_segment(sb_stamps *stamps);

/* Bytes that may have come too long before their time were read whole: for a while, whatever may be several segments is
 * read in parts. */
void sb_stamps_want_care(sb_stamps *stamps);

#endif
