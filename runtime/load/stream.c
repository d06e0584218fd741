#include "load/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

enum { MAX_ERROR_BODY = 64 * 1024 };

/* One usage counts the tokens of all choices together, so none of them could be measured. */
static const char SEVERAL_CHOICES[] = "the answer has several choices: ask for one (n = 1)";

static void fail(sb_record *record, sb_outcome outcome, const char *error)
{
  if (record->outcome != SB_OUTCOME_OK)
    return; /* the first cause stands */
  record->outcome = outcome;
  record->error = sb_strdup(error);
  for (char *p = record->error; *p; p++)
    if (*p == '\n' || *p == '\r')
      *p = ' ';
}

static void fail_with_string(sb_record *record, sb_outcome outcome, const char *what,
                             const sb_json_string_t *why)
{
  sb_strbuf text = { 0 };
  sb_strbuf_puts(&text, what);
  if (why->raw) {
    sb_strbuf_puts(&text, ": ");
    sb_json_unescape(why, &text);
  }
  fail(record, outcome, text.data);
  sb_strbuf_deinit(&text);
}

/* An event that is no chunk; the reference's rule counts from it all the same. */
static void add_other(sb_stream *stream, bool is_end)
{
  sb_record *record = stream->record;
  sb_timeline_append(&record->others, stream->t_event, record->timeline.chunks - stream->chunks_told, is_end);
  stream->chunks_told = record->timeline.chunks;
}

static void add_chunk(sb_stream *stream, const sb_oai_event *event)
{
  sb_record *record = stream->record;
  sb_timeline *timeline = &record->timeline;
  uint32_t tokens = sb_token_count_add(&stream->count, record, event, stream->options->event_per_token);
  if (tokens || event->has_text)
    sb_timeline_append(timeline, stream->t_event, tokens, event->has_text);
  else
    add_other(stream, false);
  uint64_t most = (uint64_t)record->max_tokens;
  if (most && !stream->runs_on && (timeline->tokens > 2 * most + 64 || timeline->chunks > 16 * most + 1024)) {
    stream->runs_on = true;
    fail(record, SB_OUTCOME_BODY, "the answer goes on far beyond max_tokens");
  } else if (timeline->chunks > SB_STREAM_MAX_CHUNKS && !stream->runs_on) {
    stream->runs_on = true;
    fail(record, SB_OUTCOME_BODY, "the answer has more than 4 million chunks");
  }
}

static void keep_counts(sb_record *record, const sb_oai_event *event)
{
  if (event->prompt_tokens >= 0)
    record->prompt_tokens = event->prompt_tokens;
  if (event->completion_tokens >= 0)
    record->completion_tokens = event->completion_tokens;
  if (event->cached_tokens >= 0)
    record->cached_tokens = event->cached_tokens;
  if (event->draft_n >= 0)
    record->draft_tokens = event->draft_n;
  if (event->draft_accepted_n >= 0)
    record->accepted_tokens = event->draft_accepted_n;
  if (event->finish.raw)
    record->finish = sb_json_is(&event->finish, "stop")     ? SB_FINISH_STOP
                     : sb_json_is(&event->finish, "length") ? SB_FINISH_LENGTH
                                                            : SB_FINISH_OTHER;
}

/* The record's hash is open until the answer is complete. Text that is not kept is hashed where it stands, as far as it
 * can be read there. */
static void add_text(sb_stream *stream, const sb_oai_event *event)
{
  uint64_t *hash = &stream->record->text_hash;
  for (int i = 0; i < 2; i++) {
    const sb_json_string_t *text = &event->text[i];
    bool keep = stream->options->keep_text && !stream->text_dropped;
    if (!text->escaped && !keep) {
      *hash = sb_hash64_add(*hash, text->raw, text->size);
      continue;
    }
    if (!text->size)
      continue;
    size_t before = stream->text.size;
    sb_json_unescape(text, &stream->text);
    *hash = sb_hash64_add(*hash, stream->text.data + before, stream->text.size - before);
    if (!keep) {
      sb_strbuf_clear(&stream->text);
    } else if (stream->text.size > SB_STREAM_MAX_TEXT) {
      stream->text_dropped = true;
      sb_strbuf_deinit(&stream->text);
    }
  }
}

static void keep_text(sb_stream *stream)
{
  sb_record *record = stream->record;
  atomic_uint_fast64_t *room = stream->options->text_room;
  size_t size = stream->text.size;
  if (!stream->options->keep_text || stream->text_dropped)
    return;
  if (room && atomic_fetch_sub(room, size + 1) <= size) {
    atomic_fetch_add(room, size + 1);
    return;
  }
  record->text = sb_alloc(size + 1);
  if (size)
    memcpy(record->text, stream->text.data, size);
  record->text[size] = '\0';
  record->text_size = size;
}

static void on_event(void *context, const char *data, size_t size)
{
  sb_stream *stream = context;
  sb_record *record = stream->record;
  sb_oai_event event;
  stream->events++;
  if (stream->saw_done) /* the answer is complete */
    return;
  stream->saw_event = true;
  if (sb_oai_parse(data, size, &event)) {
    char text[160];
    snprintf(text, sizeof text, "an event is not JSON: %.*s", size < 100 ? (int)size : 100, data);
    fail(record, SB_OUTCOME_BODY, text);
    return;
  }
  if (event.done) {
    stream->saw_done = true;
    stream->t_end = stream->t_event;
    add_other(stream, true);
    return;
  }
  if (event.is_error) {
    fail_with_string(record, SB_OUTCOME_EVENT, "the server sent an error event", &event.error);
    return;
  }
  if (event.several)
    fail(record, SB_OUTCOME_BODY, SEVERAL_CHOICES);
  add_chunk(stream, &event);
  add_text(stream, &event);
  keep_counts(record, &event);
}

static void on_data(void *context, int status, const char *data, size_t size, int64_t t_ns)
{
  sb_stream *stream = context;
  stream->record->bytes += size;
  if (status == 200 && !stream->options->whole) {
    uint32_t before = stream->record->timeline.chunks;
    stream->t_event = t_ns;
    stream->events = 0;
    sb_sse_feed(&stream->sse, data, size, on_event, stream);
    if (stream->reads && stream->record->timeline.chunks > before)
      sb_reads_add(stream->reads, stream->http, stream->record->timeline.chunks - before,
                   stream->events == 1 && !sb_sse_is_amid(&stream->sse));
    if (stream->saw_event)
      return;
  }
  /* an error's body, a whole answer, or what may turn out to be no event stream */
  size_t most = stream->options->whole && status == 200 ? SB_STREAM_MAX_WHOLE : MAX_ERROR_BODY;
  size_t room = most - stream->body.size;
  if (size > room && most == SB_STREAM_MAX_WHOLE) {
    stream->runs_on = true;
    fail(stream->record, SB_OUTCOME_BODY, "the answer is larger than 64 MiB");
  }
  sb_strbuf_append(&stream->body, data, size < room ? size : room);
}

static void read_whole(sb_stream *stream)
{
  sb_record *record = stream->record;
  sb_oai_event event;
  if (sb_oai_parse(stream->body.data ? stream->body.data : "", stream->body.size, &event) ||
      !event.has_choice) {
    fail(record, SB_OUTCOME_BODY, "the answer is not a completion object");
    return;
  }
  if (event.several)
    fail(record, SB_OUTCOME_BODY, SEVERAL_CHOICES);
  add_text(stream, &event);
  keep_counts(record, &event);
}

/* The server's own words where the body is an error object, else how it begins. */
static void fail_status(sb_stream *stream, int status)
{
  sb_oai_event event;
  char what[64];
  snprintf(what, sizeof what, "HTTP status %d", status);
  sb_json_string_t why = { 0 };
  if (stream->body.size && !sb_oai_parse(stream->body.data, stream->body.size, &event) && event.error.raw)
    why = event.error;
  else if (stream->body.size)
    why = (sb_json_string_t){ .raw = stream->body.data,
                              .size = stream->body.size < 200 ? stream->body.size : 200 };
  fail_with_string(stream->record, SB_OUTCOME_HTTP, what, &why);
}

static void judge(sb_stream *stream, const sb_http_result *result)
{
  sb_record *record = stream->record;
  if (result->code == SB_ETIMEOUT) {
    fail(record, result->silent ? SB_OUTCOME_SILENCE : SB_OUTCOME_TIMEOUT, result->error);
  } else if (result->code && !result->status) {
    fail(record, SB_OUTCOME_CONNECT, result->error);
  } else if (result->status != 200) {
    fail_status(stream, result->status);
  } else if (result->code && !stream->saw_done) { /* behind [DONE] there is nothing left to lose */
    fail(record, SB_OUTCOME_TRUNCATED, result->error);
  } else if (stream->options->whole) {
    read_whole(stream);
  } else if (stream->sse.oversized) {
    fail(record, SB_OUTCOME_BODY, "the answer has an event of more than 16 MiB");
  } else if (!stream->saw_event) {
    char text[300];
    snprintf(text, sizeof text, "the answer is not an event stream (content type %s): %.120s",
             result->content_type ? result->content_type : "not given",
             stream->body.size ? stream->body.data : "empty body");
    fail(record, SB_OUTCOME_BODY, text);
  } else if (!stream->saw_done && record->finish == SB_FINISH_NONE) {
    fail(record, SB_OUTCOME_TRUNCATED, "the stream ended without a finish reason and without [DONE]");
  }
}

static void complete(sb_stream *stream)
{
  sb_record *record = stream->record;
  sb_token_count_settle(&stream->count, record);
  record->text_hash = sb_hash64_end(record->text_hash);
  keep_text(stream);
  sb_timeline_shrink(&record->timeline);
  sb_timeline_shrink(&record->others);
  stream->request = NULL;
}

static void on_done(void *context, const sb_http_result *result)
{
  sb_stream *stream = context;
  sb_record *record = stream->record;
  record->http_status = result->status;
  record->resent = result->resent;
  if (result->t_send_ns)
    record->t_send = result->t_send_ns;
  record->t_first_byte = result->t_first_byte_ns;
  record->t_done = stream->cut ? stream->t_end : result->t_done_ns;
  judge(stream, result);
  complete(stream);
  stream->on_end(stream);
}

void sb_stream_start(sb_stream *stream, sb_http *http, sb_http_call call, sb_record *record)
{
  sb_sse_reset(&stream->sse);
  sb_strbuf_clear(&stream->text);
  sb_strbuf_clear(&stream->body);
  stream->count = (sb_token_count){ 0 };
  stream->saw_done = stream->saw_event = stream->runs_on = stream->cut = false;
  stream->t_watched = stream->t_progress = 0;
  stream->progress = 0;
  stream->record = record;
  stream->http = http;
  stream->text_dropped = false;
  record->text_hash = sb_hash64_begin(0);

  record->prompt_tokens = record->completion_tokens = record->cached_tokens = -1;
  record->draft_tokens = record->accepted_tokens = -1;
  record->t_send = sb_clock_now();
  sb_timeline_reset(&record->timeline, record->t_send);
  sb_timeline_reset(&record->others, record->t_send);
  stream->chunks_told = 0;
  call.on_data = on_data;
  call.on_done = on_done;
  call.context = stream;
  sb_err err;
  stream->request = sb_http_start(http, &call, &err);
  if (!stream->request) {
    record->t_done = record->t_send;
    fail(record, SB_OUTCOME_CONNECT, err.text);
    complete(stream);
    stream->on_end(stream);
  }
}

void sb_stream_expire(sb_stream *stream, sb_outcome outcome, const char *error)
{
  if (outcome != SB_OUTCOME_OK)
    fail(stream->record, outcome, error);
  else
    stream->cut = true;
  sb_http_finish(stream->request, SB_OK, NULL);
}

void sb_stream_cancel(sb_stream *stream)
{
  if (!stream->request)
    return;
  sb_http_cancel(stream->request);
  stream->record->t_done = sb_clock_now();
  fail(stream->record, SB_OUTCOME_CANCELED, "cancelled");
  complete(stream);
}

void sb_stream_deinit(sb_stream *stream)
{
  sb_sse_deinit(&stream->sse);
  sb_strbuf_deinit(&stream->text);
  sb_strbuf_deinit(&stream->body);
}
