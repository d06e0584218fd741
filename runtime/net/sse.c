#include "net/sse.h"

#include <string.h>

void sb_sse_reset(sb_sse *sse)
{
  sb_strbuf_clear(&sse->line);
  sb_strbuf_clear(&sse->data);
  sse->has_data = sse->after_cr = sse->started = sse->skipping = sse->in_line = false;
  sse->oversized = 0;
}

void sb_sse_deinit(sb_sse *sse)
{
  sb_strbuf_deinit(&sse->line);
  sb_strbuf_deinit(&sse->data);
}

/* The value of a "data" line, or NULL for any other line. */
static const char *data_value(const char *line, size_t size, size_t *value_size)
{
  if (size < 4 || memcmp(line, "data", 4) != 0 || (size > 4 && line[4] != ':'))
    return NULL;
  const char *value = line + (size > 4 ? 5 : 4), *end = line + size;
  if (value < end && *value == ' ')
    value++;
  *value_size = (size_t)(end - value);
  return value;
}

static void dispatch(sb_sse *sse, sb_sse_fn on_event, void *context)
{
  if (!sse->has_data)
    return;
  on_event(context, sse->data.data, sse->data.size);
  sb_strbuf_clear(&sse->data);
  sse->has_data = false;
}

/* Gives the event up, and its memory; the next one is read again. in_line: its end is still to come. */
static void skip_event(sb_sse *sse, bool in_line)
{
  sb_strbuf_deinit(&sse->line);
  sb_strbuf_deinit(&sse->data);
  sse->has_data = false;
  sse->skipping = true;
  sse->in_line = in_line;
  sse->oversized++;
}

static void take_line(sb_sse *sse, const char *line, size_t size, sb_sse_fn on_event, void *context)
{
  if (!sse->started) {
    sse->started = true;
    if (size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
      line += 3;
      size -= 3;
    }
  }
  if (size == 0) {
    dispatch(sse, on_event, context);
    return;
  }
  size_t value_size;
  const char *value = data_value(line, size, &value_size);
  if (!value)
    return;
  if (sse->has_data)
    sb_strbuf_putc(&sse->data, '\n');
  sb_strbuf_append(&sse->data, value, value_size);
  sse->has_data = true;
  if (sse->data.size > SB_SSE_MAX_EVENT)
    skip_event(sse, false);
}

/* The end of the line that begins at p: its CR or LF, or NULL where neither is there yet. */
static const char *line_end(const char *p, const char *end)
{
  const char *newline = memchr(p, '\n', (size_t)(end - p));
  const char *carriage = memchr(p, '\r', (size_t)((newline ? newline : end) - p));
  return carriage ? carriage : newline;
}

/* "data: X", newline, newline, all of it here and nothing pending: the shape nearly every chunk has. Returns
 * what follows the event, or p where the shape is another. */
static const char *whole_event(sb_sse *sse, const char *p, const char *stop, const char *end,
                               sb_sse_fn on_event, void *context)
{
  if (!sse->started || sse->has_data || sse->skipping || *stop != '\n' || stop + 1 >= end || stop[1] != '\n')
    return p;
  size_t size;
  const char *value = data_value(p, (size_t)(stop - p), &size);
  if (!value)
    return p;
  on_event(context, value, size);
  return stop + 2;
}

void sb_sse_feed(sb_sse *sse, const char *data, size_t size, sb_sse_fn on_event, void *context)
{
  const char *p = data, *end = data + size;
  while (p < end) {
    if (sse->after_cr) {
      sse->after_cr = false;
      if (*p == '\n') {
        p++;
        continue;
      }
    }
    const char *stop = line_end(p, end);
    if (!stop) {
      if (sse->skipping) {
        sse->in_line = true;
        return;
      }
      sb_strbuf_append(&sse->line, p, (size_t)(end - p));
      if (sse->line.size > SB_SSE_MAX_EVENT)
        skip_event(sse, true);
      return;
    }
    if (sse->skipping) { /* a blank line ends it */
      sse->skipping = sse->in_line || stop > p;
      sse->in_line = false;
    } else if (sse->line.size) {
      sb_strbuf_append(&sse->line, p, (size_t)(stop - p));
      take_line(sse, sse->line.data, sse->line.size, on_event, context);
      sb_strbuf_clear(&sse->line);
    } else {
      const char *after = whole_event(sse, p, stop, end, on_event, context);
      if (after != p) {
        p = after;
        continue;
      }
      take_line(sse, p, (size_t)(stop - p), on_event, context);
    }
    sse->after_cr = *stop == '\r';
    p = stop + 1;
  }
}

bool sb_sse_is_amid(const sb_sse *sse)
{
  return sse->line.size || sse->has_data || sse->skipping;
}
