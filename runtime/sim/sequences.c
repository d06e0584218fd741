#include "sim/sequences.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

sb_sim_sequence *sb_sim_sequences_push(sb_sim_sequences *list)
{
  sb_grow(list->items, list->count, list->capacity, 64);
  return &list->items[list->count++];
}

/* Moves the queue to the front of its array when at least half of it is used up: amortised O(1). */
sb_sim_sequence *sb_sim_sequences_enqueue(sb_sim_sequences *queue)
{
  if (queue->head > 0 && queue->count == queue->capacity && queue->head * 2 >= queue->count) {
    queue->count -= queue->head;
    memmove(queue->items, queue->items + queue->head, queue->count * sizeof *queue->items);
    queue->head = 0;
  }
  return sb_sim_sequences_push(queue);
}

sb_sim_sequence *sb_sim_sequences_head(const sb_sim_sequences *queue)
{
  return queue->head < queue->count ? &queue->items[queue->head] : NULL;
}

void sb_sim_sequences_leave(sb_sim_sequences *queue, sb_sim_sequence *s)
{
  s->gone = true;
  while (queue->head < queue->count && queue->items[queue->head].gone)
    queue->head++;
  if (queue->head == queue->count)
    queue->count = queue->head = 0;
}

sb_sim_sequence *sb_sim_sequences_find(const sb_sim_sequences *list, uint64_t id)
{
  for (size_t i = list->head; i < list->count; i++)
    if (list->items[i].request.id == id && !list->items[i].gone)
      return &list->items[i];
  return NULL;
}

void sb_sim_sequences_drop_gone(sb_sim_sequences *list)
{
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    if (list->items[i].gone)
      continue;
    if (kept != i)
      list->items[kept] = list->items[i];
    kept++;
  }
  list->count = kept;
}

void sb_sim_sequences_free(sb_sim_sequences *list)
{
  free(list->items);
}
