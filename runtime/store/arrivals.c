#include "store/arrivals.h"

#include <stdlib.h>
#include <string.h>

#include "measure/varint.h"

uint64_t sb_arrivals_units(int64_t time_ns, int64_t unit_ns)
{
  int64_t whole = time_ns / unit_ns;
  return (uint64_t)(whole + (time_ns % unit_ns > 0 && whole < INT64_MAX / unit_ns));
}

/* Timelines with chunks to come: those that began, who waits longest first, in an array in which they move on; and
 * those that did not, who has the lowest number last. */
typedef struct queue {
  uint32_t *running, *waiting;
  uint32_t *left;     /* chunks to come, by timeline */
  size_t first, room; /* of `running` */
  uint32_t runs, waits;
} queue;

static void queue_init(queue *q, const sb_arrivals_line *lines, uint32_t count)
{
  *q = (queue){ .room = 2 * (size_t)count };
  q->running = sb_alloc(q->room * sizeof *q->running);
  q->waiting = sb_alloc(count * sizeof *q->waiting);
  q->left = sb_alloc(count * sizeof *q->left);
  for (uint32_t i = count; i-- > 0;) {
    q->left[i] = lines[i].timeline->chunks;
    if (q->left[i])
      q->waiting[q->waits++] = i;
  }
}

static void queue_deinit(queue *q)
{
  free(q->running);
  free(q->waiting);
  free(q->left);
}

static uint32_t place_of(const queue *q, uint32_t line)
{
  for (uint32_t i = 0; i < q->runs; i++)
    if (q->running[q->first + i] == line)
      return i;
  uint32_t i = 0;
  while (q->waiting[q->waits - 1 - i] != line)
    i++;
  return q->runs + i;
}

/* Those before it, nearly always none, close the gap. */
static uint32_t take_running(queue *q, uint32_t place)
{
  uint32_t *front = q->running + q->first++, line = front[place];
  memmove(front + 1, front, place * sizeof *front);
  q->runs--;
  return line;
}

static uint32_t take_waiting(queue *q, uint32_t place)
{
  uint32_t *at = q->waiting + q->waits - 1 - place, line = *at;
  memmove(at, at + 1, place * sizeof *at);
  q->waits--;
  return line;
}

static void push_running(queue *q, uint32_t line)
{
  if (q->first + q->runs == q->room) {
    memmove(q->running, q->running + q->first, q->runs * sizeof *q->running);
    q->first = 0;
  }
  q->running[q->first + q->runs++] = line;
}

/* The timeline at a place gets its next chunk. */
static uint32_t advance(queue *q, uint32_t place)
{
  uint32_t line = place < q->runs ? take_running(q, place) : take_waiting(q, place - q->runs);
  if (--q->left[line])
    push_running(q, line);
  return line;
}

typedef struct arrival {
  int64_t t_ns;
  uint32_t line, chunk;
} arrival;

static int by_time(const void *a, const void *b)
{
  const arrival *x = a, *y = b;
  if (x->t_ns != y->t_ns)
    return x->t_ns < y->t_ns ? -1 : 1;
  if (x->line != y->line)
    return x->line < y->line ? -1 : 1;
  return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static size_t chunks_of(const sb_arrivals_line *lines, uint32_t count)
{
  size_t chunks = 0;
  for (uint32_t i = 0; i < count; i++)
    chunks += lines[i].timeline->chunks;
  return chunks;
}

static void put(sb_strbuf *out, uint64_t value)
{
  out->size += sb_varint_put((uint8_t *)sb_strbuf_reserve(out, SB_VARINT_MAX), value);
}

void sb_arrivals_write(const sb_arrivals_line *lines, uint32_t count, int64_t unit_ns, sb_strbuf *out)
{
  size_t chunks = chunks_of(lines, count), n = 0;
  arrival *arrivals = sb_alloc(chunks * sizeof *arrivals);
  for (uint32_t i = 0; i < count; i++) {
    sb_timeline_reader reader;
    sb_chunk chunk;
    sb_timeline_read(lines[i].timeline, &reader);
    for (uint32_t k = 0; sb_timeline_next(&reader, &chunk); k++)
      arrivals[n++] = (arrival){ .t_ns = chunk.t_ns, .line = i, .chunk = k };
  }
  qsort(arrivals, n, sizeof *arrivals, by_time);

  uint64_t last = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t now = sb_arrivals_units(arrivals[i].t_ns, unit_ns);
    put(out, now - last);
    last = now;
  }
  queue q;
  queue_init(&q, lines, count);
  for (size_t i = 0; i < n; i++) {
    uint32_t place = place_of(&q, arrivals[i].line);
    put(out, place);
    advance(&q, place);
  }
  queue_deinit(&q);
  free(arrivals);
}

/* Where the numbers end of which there are as many as chunks; NULL where they do not. */
static const uint8_t *behind(const uint8_t *at, const uint8_t *end, size_t chunks)
{
  uint64_t number;
  while (chunks-- > 0)
    if (!sb_varint_get(&at, end, &number))
      return NULL;
  return at;
}

static bool read_arrivals(sb_arrivals_line *lines, queue *q, size_t chunks, int64_t unit_ns,
                          const uint8_t **at, const uint8_t *end)
{
  const uint8_t *gaps = *at;
  *at = behind(gaps, end, chunks);
  uint64_t most = (uint64_t)(INT64_MAX / unit_ns), now = 0, gap, place, what;
  for (; *at && chunks > 0; chunks--) {
    if (!sb_varint_get(&gaps, end, &gap) || gap > most - now || !sb_varint_get(at, end, &place) ||
        place >= (uint64_t)q->runs + q->waits)
      return false;
    sb_arrivals_line *line = &lines[advance(q, (uint32_t)place)];
    if (!sb_varint_get(&line->packed, end, &what))
      return false;
    now += gap;
    sb_timeline_append(line->timeline, (int64_t)now * unit_ns, (uint32_t)(what >> 1), what & 1);
  }
  return *at;
}

bool sb_arrivals_read(sb_arrivals_line *lines, uint32_t count, int64_t unit_ns, const uint8_t **at,
                      const uint8_t *end)
{
  queue q;
  queue_init(&q, lines, count);
  size_t chunks = chunks_of(lines, count);
  for (uint32_t i = 0; i < count; i++)
    sb_timeline_reset(lines[i].timeline, lines[i].timeline->origin_ns);
  bool sound = read_arrivals(lines, &q, chunks, unit_ns, at, end);
  for (uint32_t i = 0; i < count; i++)
    sb_timeline_shrink(lines[i].timeline);
  queue_deinit(&q);
  return sound;
}
