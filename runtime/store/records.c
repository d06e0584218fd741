#include "store/records.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "measure/varint.h"

static const char magic[] = "sbrec2\n", magic_before[] = "sbrec1\n";

enum {
  MAGIC_SIZE = sizeof magic - 1,
  CRC_SIZE = 4,
  RECORD_MIN = 20, /* bytes of the smallest record of either version: every field takes at least one */
  RUN_CHAT = 1,    /* flags of a run */
  RUN_EVENTS = 2,
  RECORD_TOKENS_DISAGREE = 1, /* flags of a record */
  RECORD_RESENT = 2
};

/* Reads all chunks, for their sums. False where bytes are damaged. */
static bool sum_up(const sb_timeline *line, sb_timeline *sums)
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

static bool sound_fields(const sb_record *record)
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
  return sum_up(line, &sums) && sums.chunks == line->chunks && sums.tokens == line->tokens &&
         sums.last_ns == line->last_ns;
}

/* Whether the reader would take this record: what is written can always be read back. */
static bool sound(const sb_record *record)
{
  return sound_fields(record) && sound_timeline(&record->timeline) && sound_timeline(&record->others) &&
         record->others.tokens <= record->timeline.chunks;
}

static bool sound_run(const sb_run *run)
{
  return run->t_start >= 0 && run->t_end >= 0 && run->wall_anchor_ns >= 0 && run->clock_anchor_ns >= 0 &&
         isfinite(run->clock_scale) && run->clock_scale > 0.0;
}

/* writing */

static void put(sb_strbuf *out, uint64_t value)
{
  out->size += sb_varint_put((uint8_t *)sb_strbuf_reserve(out, SB_VARINT_MAX), value);
}

static void put_signed(sb_strbuf *out, int64_t value)
{
  put(out, sb_zigzag(value));
}

/* Differences wrap around, so that any two times restore exactly. */
static void put_time(sb_strbuf *out, int64_t time, int64_t start)
{
  put_signed(out, (int64_t)((uint64_t)time - (uint64_t)start));
}

static void put_fixed(sb_strbuf *out, uint64_t value, size_t size)
{
  for (size_t i = 0; i < size; i++)
    sb_strbuf_putc(out, (char)(value >> 8 * i & 0xff));
}

static void put_bytes(sb_strbuf *out, const void *data, size_t size)
{
  put(out, size);
  sb_strbuf_append(out, data, size);
}

static void put_timeline(sb_strbuf *out, const sb_timeline *line, int64_t start)
{
  put_time(out, line->origin_ns, start);
  put_bytes(out, line->bytes, line->size);
}

static void put_record(sb_strbuf *out, const sb_record *record, int64_t start)
{
  put(out, record->id);
  put(out, record->prompt_id);
  put_time(out, record->t_intended, start);
  put_time(out, record->t_send, start);
  put_time(out, record->t_first_byte, start);
  put_time(out, record->t_done, start);
  put_signed(out, record->http_status);
  put(out, record->outcome);
  put(out, record->finish);
  put(out, record->token_source);
  put_signed(out, record->prompt_tokens);
  put_signed(out, record->completion_tokens);
  put_signed(out, record->cached_tokens);
  put_signed(out, record->draft_tokens);
  put_signed(out, record->accepted_tokens);
  put(out, record->text_hash);
  put(out, record->bytes);
  put(out, record->error ? 1 : 0);
  if (record->error)
    put_bytes(out, record->error, strlen(record->error));
  put_timeline(out, &record->timeline, start);
  put(out, record->max_tokens);
  put(out, (record->tokens_disagree ? RECORD_TOKENS_DISAGREE : 0u) | (record->resent ? RECORD_RESENT : 0u));
  put_timeline(out, &record->others, start);
}

int sb_records_write(const sb_run *run, sb_strbuf *out)
{
  if (!sound_run(run))
    return SB_EINVAL;
  for (uint32_t i = 0; i < run->count; i++)
    if (!sound(&run->records[i]))
      return SB_EINVAL;

  size_t begin = out->size;
  sb_strbuf_append(out, magic, MAGIC_SIZE);
  put(out, run->count);
  put(out, (uint64_t)run->t_start);
  put_time(out, run->t_end, run->t_start);
  put_signed(out, run->wall_anchor_ns);
  put_time(out, run->clock_anchor_ns, run->t_start);
  put(out, run->concurrency);
  uint64_t scale;
  memcpy(&scale, &run->clock_scale, sizeof scale);
  put_fixed(out, scale, sizeof scale);
  put(out, (run->chat ? RUN_CHAT : 0u) | (run->events_known ? RUN_EVENTS : 0u));
  for (uint32_t i = 0; i < run->count; i++)
    put_record(out, &run->records[i], run->t_start);
  put_fixed(out, crc32_z(0, (const Bytef *)out->data + begin, out->size - begin), CRC_SIZE);
  return SB_OK;
}

/* reading: after the first failure every call returns 0, so that failure is tested once a record */

typedef struct source {
  const uint8_t *at, *end;
  bool failed;
  int version;
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

static int64_t get_time(source *in, int64_t start)
{
  return (int64_t)((uint64_t)get_signed(in) + (uint64_t)start);
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

static void get_timeline(source *in, sb_timeline *line, int64_t start)
{
  sb_timeline_reset(line, get_time(in, start));
  size_t size;
  const uint8_t *bytes = get_bytes(in, &size);
  in->failed |= size > UINT32_MAX;
  if (size == 0 || in->failed)
    return;
  line->bytes = sb_alloc(size);
  memcpy(line->bytes, bytes, size);
  line->size = line->capacity = (uint32_t)size;
  sb_timeline sums;
  in->failed |= !sum_up(line, &sums);
  line->chunks = sums.chunks;
  line->tokens = sums.tokens;
  line->last_ns = sums.last_ns;
}

static bool get_record(source *in, sb_record *record, int64_t start)
{
  record->id = get_u32(in);
  record->prompt_id = get_u32(in);
  record->t_intended = get_time(in, start);
  record->t_send = get_time(in, start);
  record->t_first_byte = get_time(in, start);
  record->t_done = get_time(in, start);
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
  get_timeline(in, &record->timeline, start);
  if (in->version > 1) {
    record->max_tokens = get_u32(in);
    uint64_t flags = get_max(in, RECORD_TOKENS_DISAGREE | RECORD_RESENT);
    record->tokens_disagree = flags & RECORD_TOKENS_DISAGREE;
    record->resent = flags & RECORD_RESENT;
    get_timeline(in, &record->others, start);
  }
  return !in->failed && sound_fields(record) && record->others.tokens <= record->timeline.chunks;
}

static sb_run *fail(sb_run *run, sb_err *err, const char *what)
{
  sb_run_free(run);
  sb_err_set(err, SB_EPARSE, "%s: measure this cell again", what);
  return NULL;
}

static sb_run *parse_body(source *in, sb_err *err)
{
  uint32_t count = get_u32(in);
  if (in->failed || count > (size_t)(in->end - in->at) / RECORD_MIN)
    return fail(NULL, err, "records file: it announces more requests than it holds");
  sb_run *run = sb_run_new(count);
  run->t_start = (int64_t)get_max(in, INT64_MAX);
  run->t_end = get_time(in, run->t_start);
  run->wall_anchor_ns = get_signed(in);
  run->clock_anchor_ns = get_time(in, run->t_start);
  run->concurrency = get_u32(in);
  uint64_t scale = get_fixed(in, sizeof scale);
  memcpy(&run->clock_scale, &scale, sizeof scale);
  uint64_t flags = in->version > 1 ? get_max(in, RUN_CHAT | RUN_EVENTS) : 0;
  run->chat = flags & RUN_CHAT;
  run->events_known = flags & RUN_EVENTS;
  if (in->failed || !sound_run(run))
    return fail(run, err, "records file: its header is damaged");
  for (uint32_t i = 0; i < count; i++)
    if (!get_record(in, &run->records[i], run->t_start)) {
      char what[64];
      snprintf(what, sizeof what, "records file: request %u of %u is damaged", i, count);
      return fail(run, err, what);
    }
  if (in->at != in->end)
    return fail(run, err, "records file: bytes follow the last request");
  return run;
}

/* 0: no records file. */
static int version_of(const void *data, size_t size)
{
  if (size < MAGIC_SIZE)
    return 0;
  return memcmp(data, magic, MAGIC_SIZE) == 0 ? 2 : memcmp(data, magic_before, MAGIC_SIZE) == 0 ? 1 : 0;
}

int sb_records_check(const void *data, size_t size, sb_err *err)
{
  if (!version_of(data, size))
    return sb_err_set(err, SB_EPARSE, "not a records file: it does not begin with \"sbrec2\" or \"sbrec1\"");
  const uint8_t *bytes = data;
  source crc = { .at = bytes + size - CRC_SIZE, .end = bytes + size };
  if (size < MAGIC_SIZE + CRC_SIZE || get_fixed(&crc, CRC_SIZE) != crc32_z(0, bytes, size - CRC_SIZE))
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
  source in = { .at = bytes + MAGIC_SIZE, .end = bytes + size - CRC_SIZE, .version = version_of(data, size) };
  return parse_body(&in, err);
}
