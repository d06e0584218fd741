#include "store/arrivals.h"

#include <stdlib.h>
#include <string.h>

#include "measure/varint.h"

uint64_t sb_arrivals_units(int64_t time_ns, int64_t unit_ns)
{
  int64_t whole = time_ns / unit_ns;
  return (uint64_t)(whole + (time_ns % unit_ns > 0 && whole < INT64_MAX / unit_ns));
}

enum { WORD = 64 };

/* Timelines with chunks to come, each in a slot: in the lower ones those that began, who waits longest first; behind them
 * those that did not, by number. How many slots hold one is counted by words of slots, in a tree of sums (Fenwick 1994):
 * a slot's place, and the slot of a place, take as many steps as the number of words has bits, however many timelines
 * there are and whoever comes next. */
typedef struct queue {
  uint32_t *line; /* by slot, where one is held */
  uint64_t *held; /* a bit a slot */
  uint32_t *sums; /* the tree, from 1 to `words`, a power of two; the last one is of all */
  size_t words;
  size_t *slot;         /* by timeline */
  uint32_t *left;       /* chunks to come, by timeline */
  size_t next, waiting; /* the slot of who goes on next; the first of those that did not begin */
} queue;

static void hold(queue *q, size_t slot, uint32_t line)
{
  q->line[slot] = line;
  q->slot[line] = slot;
  q->held[slot / WORD] |= (uint64_t)1 << slot % WORD;
}

static void sum_up(queue *q)
{
  memset(q->sums, 0, (q->words + 1) * sizeof *q->sums);
  for (size_t i = 1; i <= q->words; i++) {
    size_t above = i + (i & -i);
    q->sums[i] += (uint32_t)__builtin_popcountll(q->held[i - 1]);
    if (above <= q->words)
      q->sums[above] += q->sums[i];
  }
}

static void queue_init(queue *q, const sb_arrivals_line *lines, uint32_t count)
{
  *q = (queue){ .words = 1, .waiting = 2 * (size_t)count };
  while (q->words * WORD < q->waiting + count)
    q->words *= 2;
  q->line = sb_alloc(q->words * WORD * sizeof *q->line);
  q->held = sb_calloc(q->words, sizeof *q->held);
  q->sums = sb_alloc((q->words + 1) * sizeof *q->sums);
  q->slot = sb_alloc(count * sizeof *q->slot);
  q->left = sb_alloc(count * sizeof *q->left);
  for (uint32_t i = 0; i < count; i++) {
    q->left[i] = lines[i].timeline->chunks;
    if (q->left[i])
      hold(q, q->waiting + i, i);
  }
  sum_up(q);
}

static void queue_deinit(queue *q)
{
  free(q->line);
  free(q->held);
  free(q->sums);
  free(q->slot);
  free(q->left);
}

static uint32_t place_of(const queue *q, uint32_t line)
{
  size_t word = q->slot[line] / WORD;
  uint64_t lower = q->held[word] & (((uint64_t)1 << q->slot[line] % WORD) - 1);
  uint32_t place = (uint32_t)__builtin_popcountll(lower);
  for (size_t i = word; i > 0; i &= i - 1)
    place += q->sums[i];
  return place;
}

static uint32_t line_at(const queue *q, uint32_t place)
{
  size_t word = 0;
  for (size_t step = q->words / 2; step > 0; step /= 2)
    if (q->sums[word + step] <= place) {
      word += step;
      place -= q->sums[word];
    }
  uint64_t held = q->held[word];
  while (place-- > 0)
    held &= held - 1;
  return q->line[word * WORD + (size_t)__builtin_ctzll(held)];
}

static void close_gaps(queue *q)
{
  size_t to = 0;
  for (size_t from = 0; from < q->waiting; from++) {
    uint64_t bit = (uint64_t)1 << from % WORD;
    if (q->held[from / WORD] & bit) {
      q->held[from / WORD] ^= bit;
      hold(q, to++, q->line[from]);
    }
  }
  q->next = to;
  sum_up(q);
}

static void add(queue *q, size_t word, uint32_t one)
{
  for (size_t i = word + 1; i <= q->words; i += i & -i)
    q->sums[i] += one;
}

/* A timeline gets its next chunk. */
static void advance(queue *q, uint32_t line)
{
  size_t slot = q->slot[line];
  q->held[slot / WORD] ^= (uint64_t)1 << slot % WORD;
  add(q, slot / WORD, (uint32_t)-1);
  if (--q->left[line] == 0)
    return;
  if (q->next == q->waiting)
    close_gaps(q);
  add(q, q->next / WORD, 1);
  hold(q, q->next++, line);
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
    sb_varint_append(out, now - last);
    last = now;
  }
  queue q;
  queue_init(&q, lines, count);
  for (size_t i = 0; i < n; i++) {
    sb_varint_append(out, place_of(&q, arrivals[i].line));
    advance(&q, arrivals[i].line);
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
  const uint8_t *gaps = *at, *places = behind(gaps, end, chunks);
  uint64_t most = (uint64_t)(INT64_MAX / unit_ns), now = 0, gap, place, what;
  if (!places)
    return false;
  for (; chunks > 0; chunks--) {
    if (!sb_varint_get(&gaps, end, &gap) || gap > most - now || !sb_varint_get(&places, end, &place) ||
        place >= q->sums[q->words])
      return false;
    now += gap;
    uint32_t whose = line_at(q, (uint32_t)place);
    sb_arrivals_line *line = &lines[whose];
    int64_t t_ns = (int64_t)now * unit_ns;
    if (t_ns < line->timeline->origin_ns || !sb_varint_get(&line->packed, end, &what))
      return false;
    advance(q, whose);
    sb_timeline_append(line->timeline, t_ns, (uint32_t)(what >> 1), what & 1);
    if (!q->left[whose])
      sb_timeline_shrink(line->timeline);
  }
  *at = places;
  return true;
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
  queue_deinit(&q);
  return sound;
}
