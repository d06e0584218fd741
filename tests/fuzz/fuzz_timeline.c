#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "measure/timeline.h"

/* Bytes taken as a timeline read within their bounds, and what was read appends to a timeline that reads the
 * same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 8)
    return 0;
  sb_timeline bytes = { 0 }, again = { 0 };
  memcpy(&bytes.origin_ns, data, 8);
  bytes.origin_ns &= INT64_MAX;
  bytes.size = (uint32_t)(size - 8);
  bytes.bytes = malloc(bytes.size ? bytes.size : 1);
  if (!bytes.bytes)
    abort();
  memcpy(bytes.bytes, data + 8, bytes.size);

  sb_timeline_reader reader, check;
  sb_chunk chunk, copy;
  sb_timeline_reset(&again, bytes.origin_ns);
  sb_timeline_read(&bytes, &reader);
  while (sb_timeline_next(&reader, &chunk))
    sb_timeline_append(&again, chunk.t_ns, chunk.tokens, chunk.has_text);

  sb_timeline_read(&bytes, &reader);
  sb_timeline_read(&again, &check);
  while (sb_timeline_next(&reader, &chunk))
    if (!sb_timeline_next(&check, &copy) || copy.t_ns != chunk.t_ns || copy.tokens != chunk.tokens ||
        copy.has_text != chunk.has_text)
      abort();
  if (sb_timeline_next(&check, &copy) || check.at != check.end)
    abort();
  sb_timeline_deinit(&bytes);
  sb_timeline_deinit(&again);
  return 0;
}
