#include "store/records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "measure/varint.h"
#include "store/records_layout.h"

bool sb_records_sum_up(const sb_timeline *line, sb_timeline *sums)
{
  sb_timeline_reader reader;
  sb_chunk chunk;
  *sums = (sb_timeline){ 0 };
  sb_timeline_read(line, &reader);
  while (sb_timeline_next(&reader, &chunk)) {
    sums->chunks++;
    sums->tokens += chunk.tokens;
  }
  sums->last_ns = reader.t_ns;
  return reader.at == reader.end;
}

bool sb_records_sound_fields(const sb_record *record)
{
  if (record->t_intended < 0 || record->t_send < 0 || record->t_first_byte < 0 || record->t_done < 0 ||
      record->timeline.origin_ns < 0 || record->others.origin_ns < 0)
    return false;
  if ((unsigned)record->outcome > SB_OUTCOME_CANCELED || (unsigned)record->finish > SB_FINISH_OTHER ||
      (unsigned)record->token_source > SB_TOKENS_USAGE_TOTAL)
    return false;
  return record->prompt_tokens >= -1 && record->completion_tokens >= -1 && record->cached_tokens >= -1 &&
         record->draft_tokens >= -1 && record->accepted_tokens >= -1;
}

static bool sound_timeline(const sb_timeline *line)
{
  sb_timeline sums;
  return sb_records_sum_up(line, &sums) && sums.chunks == line->chunks && sums.tokens == line->tokens &&
         sums.last_ns == line->last_ns;
}

/* Whether the reader would take this record: what is written can always be read back. */
static bool sound(const sb_record *record)
{
  return sb_records_sound_fields(record) && sound_timeline(&record->timeline) &&
         sound_timeline(&record->others) && record->others.tokens <= record->timeline.chunks;
}

bool sb_records_sound_run(const sb_run *run)
{
  return run->t_start >= 0 && run->t_end >= 0 && run->wall_anchor_ns >= 0 && run->clock_anchor_ns >= 0 &&
         isfinite(run->clock_scale) && run->clock_scale > 0.0;
}

sb_arrivals_line *sb_records_lines(const sb_run *run, bool others)
{
  sb_arrivals_line *lines = sb_calloc(run->count, sizeof *lines);
  for (uint32_t i = 0; i < run->count; i++)
    lines[i].timeline = others ? &run->records[i].others : &run->records[i].timeline;
  return lines;
}

static void put_signed(sb_strbuf *out, int64_t value)
{
  sb_varint_append(out, sb_zigzag(value));
}

typedef struct sink {
  sb_strbuf *out;
  int64_t unit_ns, start_ns;
} sink;

/* Differences wrap around, so that any two times restore exactly. */
static void put_time(sink *to, int64_t time)
{
  put_signed(to->out,
             (int64_t)(sb_arrivals_units(time, to->unit_ns) - sb_arrivals_units(to->start_ns, to->unit_ns)));
}

static void put_fixed(sb_strbuf *out, uint64_t value, size_t size)
{
  for (size_t i = 0; i < size; i++)
    sb_strbuf_putc(out, (char)(value >> 8 * i & 0xff));
}

static void put_bytes(sb_strbuf *out, const void *data, size_t size)
{
  sb_varint_append(out, size);
  sb_strbuf_append(out, data, size);
}

/* What a chunk brought; when it came is told of all timelines' chunks together. */
static void put_untimed(sb_strbuf *out, const sb_timeline *line)
{
  sb_timeline_reader reader;
  sb_chunk chunk;
  sb_varint_append(out, line->chunks);
  sb_timeline_read(line, &reader);
  while (sb_timeline_next(&reader, &chunk))
    sb_varint_append(out, (uint64_t)chunk.tokens * 2 + chunk.has_text);
}

static void put_timeline(sink *to, const sb_timeline *line)
{
  put_time(to, line->origin_ns);
  if (to->unit_ns == 1)
    put_bytes(to->out, line->bytes, line->size);
  else
    put_untimed(to->out, line);
}

static void put_record(sink *to, const sb_record *record)
{
  sb_strbuf *out = to->out;
  sb_varint_append(out, record->id);
  sb_varint_append(out, record->prompt_id);
  put_time(to, record->t_intended);
  put_time(to, record->t_send);
  put_time(to, record->t_first_byte);
  put_time(to, record->t_done);
  put_signed(out, record->http_status);
  sb_varint_append(out, record->outcome);
  sb_varint_append(out, record->finish);
  sb_varint_append(out, record->token_source);
  put_signed(out, record->prompt_tokens);
  put_signed(out, record->completion_tokens);
  put_signed(out, record->cached_tokens);
  put_signed(out, record->draft_tokens);
  put_signed(out, record->accepted_tokens);
  sb_varint_append(out, record->text_hash);
  sb_varint_append(out, record->bytes);
  sb_varint_append(out, record->error ? 1 : 0);
  if (record->error)
    put_bytes(out, record->error, strlen(record->error));
  put_timeline(to, &record->timeline);
  sb_varint_append(out, record->max_tokens);
  sb_varint_append(out, (record->tokens_disagree ? SB_RECORDS_TOKENS_DISAGREE : 0u) |
                            (record->resent ? SB_RECORDS_RESENT : 0u));
  put_timeline(to, &record->others);
}

static void put_arrivals(sink *to, const sb_run *run, bool others)
{
  sb_arrivals_line *lines = sb_records_lines(run, others);
  sb_arrivals_write(lines, run->count, to->unit_ns, to->out);
  free(lines);
}

static int write_run(const sb_run *run, int64_t unit_ns, sb_strbuf *out)
{
  if (!sb_records_sound_run(run))
    return SB_EINVAL;
  for (uint32_t i = 0; i < run->count; i++)
    if (!sound(&run->records[i]))
      return SB_EINVAL;

  size_t begin = out->size;
  sink to = { .out = out, .unit_ns = unit_ns, .start_ns = run->t_start };
  sb_strbuf_append(out, unit_ns == 1 ? SB_RECORDS_MAGIC : SB_RECORDS_MAGIC_ROUNDED, SB_RECORDS_MAGIC_SIZE);
  sb_varint_append(out, run->count);
  sb_varint_append(out, sb_arrivals_units(run->t_start, unit_ns));
  put_time(&to, run->t_end);
  put_signed(out, run->wall_anchor_ns);
  put_time(&to, run->clock_anchor_ns);
  sb_varint_append(out, run->concurrency);
  uint64_t scale;
  memcpy(&scale, &run->clock_scale, sizeof scale);
  put_fixed(out, scale, sizeof scale);
  sb_varint_append(out,
                   (run->chat ? SB_RECORDS_RUN_CHAT : 0u) | (run->events_known ? SB_RECORDS_RUN_EVENTS : 0u));
  for (uint32_t i = 0; i < run->count; i++)
    put_record(&to, &run->records[i]);
  if (unit_ns > 1) {
    put_arrivals(&to, run, false);
    put_arrivals(&to, run, true);
  }
  put_fixed(out, crc32_z(0, (const Bytef *)out->data + begin, out->size - begin), SB_RECORDS_CRC_SIZE);
  return SB_OK;
}

int sb_records_write(const sb_run *run, sb_strbuf *out)
{
  return write_run(run, 1, out);
}

int sb_records_write_rounded(const sb_run *run, sb_strbuf *out)
{
  return write_run(run, SB_RECORDS_ROUNDED_NS, out);
}
