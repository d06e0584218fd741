#include "measure/in_flight.h"

#include <math.h>
#include <stdlib.h>

#include "base/strbuf.h"

typedef struct turn {
  int64_t t_ns;
  int32_t change; /* +1 a send, -1 an end */
} turn;

/* An end before a send at the same moment: a request handed over to the next never counts twice. */
static int by_time(const void *a, const void *b)
{
  const turn *x = a, *y = b;
  int order = (x->t_ns > y->t_ns) - (x->t_ns < y->t_ns);
  return order ? order : x->change - y->change;
}

void sb_in_flight_measure(const sb_run *run, sb_in_flight *in_flight)
{
  *in_flight = (sb_in_flight){ 0 };
  turn *turns = sb_alloc(2 * (size_t)run->count * sizeof *turns);
  size_t count = 0;
  double busy = 0.0;
  for (uint32_t i = 0; i < run->count; i++) {
    const sb_record *record = &run->records[i];
    if (!record->t_send || record->t_done <= record->t_send)
      continue;
    turns[count++] = (turn){ record->t_send, 1 };
    turns[count++] = (turn){ record->t_done, -1 };
    busy += (double)(record->t_done - record->t_send);
  }
  qsort(turns, count, sizeof *turns, by_time);

  uint32_t now = 0, target = run->concurrency;
  for (size_t i = 0; i < count; i++) {
    uint32_t before = now;
    now += (uint32_t)turns[i].change;
    if (now > in_flight->most)
      in_flight->most = now;
    if (target && now >= target && !in_flight->steady_from)
      in_flight->steady_from = turns[i].t_ns;
    if (target && now < target && before >= target)
      in_flight->steady_to = turns[i].t_ns;
  }
  free(turns);
  in_flight->mean = run->t_end > run->t_start ? busy / (double)(run->t_end - run->t_start) : NAN;
}
