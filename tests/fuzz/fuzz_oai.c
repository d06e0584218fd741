#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "load/stream.h"

/* Bytes as the body of an answer: the record that comes of it does not depend on how the bytes were cut. The
 * first byte chooses the options and the status, the second the size of the parts. The client is replaced by
 * one that only remembers the callbacks. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sb_http_call client;

sb_http_request *sb_http_start(sb_http *http, const sb_http_call *call, sb_err *err)
{
  (void)http;
  (void)err;
  client = *call;
  return (sb_http_request *)&client; /* never looked into */
}

void sb_http_cancel(sb_http_request *request)
{
  (void)request;
}

void sb_http_finish(sb_http_request *request, int code, const char *error)
{
  (void)request;
  (void)code;
  (void)error;
}

sb_stamps *sb_http_stamps(sb_http *http)
{
  static sb_stamps stamps;
  (void)http;
  return &stamps;
}

static void on_end(sb_stream *stream)
{
  ++*(int *)stream->owner;
}

static void answer(sb_record *record, const sb_stream_options *options, int status, const char *text,
                   size_t size, size_t part)
{
  int ends = 0;
  sb_stream stream = { .options = options, .on_end = on_end, .owner = &ends };
  sb_stream_start(&stream, NULL, (sb_http_call){ .url = "" }, record);
  for (size_t at = 0; at < size; at += part) {
    size_t length = size - at < part ? size - at : part;
    char *copy = sb_alloc(length); /* of exactly its size: a read past it is seen */
    memcpy(copy, text + at, length);
    client.on_data(client.context, status, copy, length, 2000);
    free(copy);
  }
  sb_http_result result = { .status = status,
                            .connected = 1,
                            .t_first_byte_ns = size ? 2000 : 0,
                            .t_done_ns = 3000,
                            .content_type = "text/event-stream" };
  client.on_done(client.context, &result);
  if (ends != 1 || (record->outcome == SB_OUTCOME_OK) != (record->error == NULL))
    abort();
  sb_stream_deinit(&stream);
}

static int differ(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) != 0 : a != b;
}

static void compare(const sb_record *a, const sb_record *b)
{
  if (a->outcome != b->outcome || a->finish != b->finish || a->token_source != b->token_source ||
      a->prompt_tokens != b->prompt_tokens || a->completion_tokens != b->completion_tokens ||
      a->cached_tokens != b->cached_tokens || a->draft_tokens != b->draft_tokens ||
      a->accepted_tokens != b->accepted_tokens || a->text_hash != b->text_hash || a->bytes != b->bytes)
    abort();
  if (a->timeline.size != b->timeline.size || a->timeline.chunks != b->timeline.chunks ||
      (a->timeline.size && memcmp(a->timeline.bytes, b->timeline.bytes, a->timeline.size) != 0))
    abort();
  if (differ(a->error, b->error) || differ(a->text, b->text))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const int64_t now = 1000;
  if (size < 2)
    return 0;
  const sb_stream_options options = { .event_per_token = data[0] & 1,
                                      .keep_text = data[0] & 2,
                                      .whole = data[0] & 4 };
  int status = data[0] & 8 ? 500 : 200;
  const char *text = (const char *)data + 2;
  size_t parts[] = { size, 1, (size_t)data[1] + 1 };
  sb_clock_set_virtual(&now);
  sb_run *runs[3];
  for (int i = 0; i < 3; i++) {
    runs[i] = sb_run_new(1);
    answer(&runs[i]->records[0], &options, status, text, size - 2, parts[i]);
    compare(&runs[0]->records[0], &runs[i]->records[0]);
  }
  for (int i = 0; i < 3; i++)
    sb_run_free(runs[i]);
  sb_clock_set_virtual(NULL);
  return 0;
}
