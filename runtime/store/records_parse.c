#include "store/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "measure/varint.h"
#include "store/records_layout.h"

enum {
  ROUNDED = 3,    /* version of files that tell times in microseconds */
  RECORD_MIN = 20 /* bytes of the smallest record of any version: every field takes at least one */
};

/* After the first failure every call returns 0, so that failure is tested once a record. */
typedef struct source {
  const uint8_t *at, *end;
  bool failed;
  int version;
  int64_t unit_ns, start; /* units */
} source;

static uint64_t get_max(source *in, uint64_t max)
{
  uint64_t value;
  if (in->failed || !sb_varint_get(&in->at, in->end, &value) || value > max) {
    in->failed = true;
    return 0;
  }
  return value;
}

static uint32_t get_u32(source *in)
{
  return (uint32_t)get_max(in, UINT32_MAX);
}

static int64_t get_signed(source *in)
{
  return sb_unzigzag(get_max(in, UINT64_MAX));
}

static int64_t get_time(source *in)
{
  uint64_t units = (uint64_t)get_signed(in) + (uint64_t)in->start;
  in->failed |= units > (uint64_t)(INT64_MAX / in->unit_ns);
  return in->failed ? 0 : (int64_t)units * in->unit_ns;
}

static uint64_t get_fixed(source *in, size_t size)
{
  uint64_t value = 0;
  if (in->failed || (size_t)(in->end - in->at) < size) {
    in->failed = true;
    return 0;
  }
  for (size_t i = 0; i < size; i++)
    value |= (uint64_t)*in->at++ << 8 * i;
  return value;
}

static const uint8_t *get_bytes(source *in, size_t *size)
{
  *size = (size_t)get_max(in, in->failed ? 0 : (uint64_t)(in->end - in->at));
  if (!in->failed && *size > (size_t)(in->end - in->at))
    in->failed = true;
  if (in->failed)
    *size = 0;
  const uint8_t *bytes = in->at;
  in->at += *size;
  return bytes;
}

static void get_error(source *in, sb_record *record)
{
  if (!get_max(in, 1))
    return;
  size_t size;
  const uint8_t *bytes = get_bytes(in, &size);
  if (memchr(bytes, '\0', size)) {
    in->failed = true;
    return;
  }
  record->error = sb_alloc(size + 1);
  memcpy(record->error, bytes, size);
  record->error[size] = '\0';
}

static void get_chunks(source *in, sb_timeline *line)
{
  size_t size;
  const uint8_t *bytes = get_bytes(in, &size);
  in->failed |= size > UINT32_MAX;
  if (size == 0 || in->failed)
    return;
  line->bytes = sb_alloc(size);
  memcpy(line->bytes, bytes, size);
  line->size = line->capacity = (uint32_t)size;
  sb_timeline sums;
  in->failed |= !sb_records_sum_up(line, &sums);
  line->chunks = sums.chunks;
  line->tokens = sums.tokens;
  line->last_ns = sums.last_ns;
}

static void get_untimed(source *in, sb_arrivals_line *line)
{
  line->timeline->chunks = get_u32(in);
  line->packed = in->at;
  for (uint32_t i = 0; i < line->timeline->chunks && !in->failed; i++)
    line->timeline->tokens += get_max(in, (uint64_t)UINT32_MAX * 2 + 1) >> 1;
}

static void get_timeline(source *in, sb_arrivals_line *line)
{
  sb_timeline_reset(line->timeline, get_time(in));
  if (in->version == ROUNDED)
    get_untimed(in, line);
  else
    get_chunks(in, line->timeline);
}

static bool get_record(source *in, sb_record *record, sb_arrivals_line *chunks, sb_arrivals_line *others)
{
  record->id = get_u32(in);
  record->prompt_id = get_u32(in);
  record->t_intended = get_time(in);
  record->t_send = get_time(in);
  record->t_first_byte = get_time(in);
  record->t_done = get_time(in);
  int64_t status = get_signed(in);
  in->failed |= status < INT32_MIN || status > INT32_MAX;
  record->http_status = (int32_t)status;
  record->outcome = (sb_outcome)get_max(in, SB_OUTCOME_CANCELED);
  record->finish = (sb_finish)get_max(in, SB_FINISH_OTHER);
  record->token_source = (sb_token_source)get_max(in, SB_TOKENS_USAGE_TOTAL);
  record->prompt_tokens = get_signed(in);
  record->completion_tokens = get_signed(in);
  record->cached_tokens = get_signed(in);
  record->draft_tokens = get_signed(in);
  record->accepted_tokens = get_signed(in);
  record->text_hash = get_max(in, UINT64_MAX);
  record->bytes = get_max(in, UINT64_MAX);
  get_error(in, record);
  get_timeline(in, chunks);
  if (in->version > 1) {
    record->max_tokens = get_u32(in);
    uint64_t flags = get_max(in, SB_RECORDS_TOKENS_DISAGREE | SB_RECORDS_RESENT);
    record->tokens_disagree = flags & SB_RECORDS_TOKENS_DISAGREE;
    record->resent = flags & SB_RECORDS_RESENT;
    get_timeline(in, others);
  }
  return !in->failed && sb_records_sound_fields(record) && record->others.tokens <= record->timeline.chunks;
}

static sb_run *fail(sb_run *run, sb_err *err, const char *what)
{
  sb_run_free(run);
  sb_err_set(err, SB_EPARSE, "%s: measure this cell again", what);
  return NULL;
}

static void get_header(source *in, sb_run *run)
{
  in->start = (int64_t)get_max(in, (uint64_t)(INT64_MAX / in->unit_ns));
  run->t_start = in->start * in->unit_ns;
  run->t_end = get_time(in);
  run->wall_anchor_ns = get_signed(in);
  run->clock_anchor_ns = get_time(in);
  run->concurrency = get_u32(in);
  uint64_t scale = get_fixed(in, sizeof scale);
  memcpy(&run->clock_scale, &scale, sizeof scale);
  uint64_t flags = in->version > 1 ? get_max(in, SB_RECORDS_RUN_CHAT | SB_RECORDS_RUN_EVENTS) : 0;
  run->chat = flags & SB_RECORDS_RUN_CHAT;
  run->events_known = flags & SB_RECORDS_RUN_EVENTS;
  in->failed |= !sb_records_sound_run(run);
}

/* How many requests were sound. */
static uint32_t get_records(source *in, sb_run *run)
{
  sb_arrivals_line *chunks = sb_records_lines(run, false), *others = sb_records_lines(run, true);
  uint32_t i = 0;
  while (i < run->count && get_record(in, &run->records[i], &chunks[i], &others[i]))
    i++;
  if (i == run->count && in->version == ROUNDED)
    in->failed = !sb_arrivals_read(chunks, run->count, in->unit_ns, &in->at, in->end) ||
                 !sb_arrivals_read(others, run->count, in->unit_ns, &in->at, in->end);
  free(chunks);
  free(others);
  return i;
}

static sb_run *parse_body(source *in, sb_err *err)
{
  uint32_t count = get_u32(in);
  if (in->failed || count > (size_t)(in->end - in->at) / RECORD_MIN)
    return fail(NULL, err, "records file: it announces more requests than it holds");
  sb_run *run = sb_run_new(count);
  get_header(in, run);
  if (in->failed)
    return fail(run, err, "records file: its header is damaged");
  uint32_t sound = get_records(in, run);
  if (sound < count) {
    char what[64];
    snprintf(what, sizeof what, "records file: request %u of %u is damaged", sound, count);
    return fail(run, err, what);
  }
  if (in->failed)
    return fail(run, err, "records file: when its chunks arrived is damaged");
  if (in->at != in->end)
    return fail(run, err, "records file: bytes follow the last request");
  return run;
}

/* 0: no records file. */
static int version_of(const void *data, size_t size)
{
  if (size < SB_RECORDS_MAGIC_SIZE)
    return 0;
  static const char *const magics[] = { SB_RECORDS_MAGIC_BEFORE, SB_RECORDS_MAGIC, SB_RECORDS_MAGIC_ROUNDED };
  for (int i = 0; i < 3; i++)
    if (memcmp(data, magics[i], SB_RECORDS_MAGIC_SIZE) == 0)
      return i + 1;
  return 0;
}

int sb_records_check(const void *data, size_t size, sb_err *err)
{
  if (!version_of(data, size))
    return sb_err_set(err, SB_EPARSE, "not a records file: it does not begin with \"sbrec\" and 1, 2 or 3");
  const uint8_t *bytes = data;
  source crc = { .at = bytes + size - SB_RECORDS_CRC_SIZE, .end = bytes + size };
  if (size < SB_RECORDS_MAGIC_SIZE + SB_RECORDS_CRC_SIZE ||
      get_fixed(&crc, SB_RECORDS_CRC_SIZE) != crc32_z(0, bytes, size - SB_RECORDS_CRC_SIZE))
    return sb_err_set(
        err, SB_EPARSE,
        "records file: cut short or damaged (its checksum does not match): measure this cell again");
  return SB_OK;
}

sb_run *sb_records_parse(const void *data, size_t size, sb_err *err)
{
  if (sb_records_check(data, size, err))
    return NULL;
  const uint8_t *bytes = data;
  source in = { .at = bytes + SB_RECORDS_MAGIC_SIZE,
                .end = bytes + size - SB_RECORDS_CRC_SIZE,
                .version = version_of(data, size) };
  in.unit_ns = in.version == ROUNDED ? SB_RECORDS_ROUNDED_NS : 1;
  return parse_body(&in, err);
}
