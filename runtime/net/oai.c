#include "net/oai.h"

#include <string.h>

#include "base/err.h"

/* An integer, or absent: engines write null, and llama.cpp some counts as floats. */
static void read_count(sb_json *j, int64_t *count)
{
  if (sb_json_peek(j) == SB_JSON_NUMBER)
    sb_json_int(j, count);
  else
    sb_json_skip(j);
}

static void read_string(sb_json *j, sb_json_string_t *value)
{
  if (sb_json_peek(j) == SB_JSON_STRING)
    sb_json_string(j, value);
  else
    sb_json_skip(j);
}

/* delta (stream) or message (whole answer) */
static void read_message(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  if (sb_json_peek(j) != SB_JSON_OBJECT) {
    sb_json_skip(j);
    return;
  }
  sb_json_object(j);
  while (sb_json_key(j, &key)) {
    if (sb_json_is(&key, "content"))
      read_string(j, &event->text[1]);
    else if (sb_json_is(&key, "reasoning_content") || sb_json_is(&key, "reasoning"))
      read_string(j, &event->text[0]);
    else
      sb_json_skip(j);
  }
}

static void read_token_ids(sb_json *j, int64_t *count)
{
  if (sb_json_peek(j) != SB_JSON_ARRAY) {
    sb_json_skip(j);
    return;
  }
  *count = 0;
  sb_json_array(j);
  while (sb_json_item(j)) {
    sb_json_skip(j);
    ++*count;
  }
}

static void read_choice(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  if (!sb_json_object(j))
    return;
  while (sb_json_key(j, &key)) {
    if (sb_json_is(&key, "delta") || sb_json_is(&key, "message"))
      read_message(j, event);
    else if (sb_json_is(&key, "text"))
      read_string(j, &event->text[1]);
    else if (sb_json_is(&key, "finish_reason"))
      read_string(j, &event->finish);
    else if (sb_json_is(&key, "token_ids"))
      read_token_ids(j, &event->token_ids);
    else
      sb_json_skip(j);
  }
}

/* Only the first choice is read: a benchmark asks for one. */
static void read_choices(sb_json *j, sb_oai_event *event)
{
  if (sb_json_peek(j) != SB_JSON_ARRAY) {
    sb_json_skip(j);
    return;
  }
  sb_json_array(j);
  while (sb_json_item(j)) {
    if (event->has_choice)
      sb_json_skip(j);
    else
      read_choice(j, event);
    event->has_choice = true;
  }
}

static void read_usage(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  if (sb_json_peek(j) != SB_JSON_OBJECT) {
    sb_json_skip(j);
    return;
  }
  sb_json_object(j);
  while (sb_json_key(j, &key)) {
    if (sb_json_is(&key, "prompt_tokens")) {
      read_count(j, &event->prompt_tokens);
    } else if (sb_json_is(&key, "completion_tokens")) {
      read_count(j, &event->completion_tokens);
    } else if (sb_json_is(&key, "prompt_tokens_details") && sb_json_peek(j) == SB_JSON_OBJECT) {
      sb_json_object(j);
      while (sb_json_key(j, &key)) {
        if (sb_json_is(&key, "cached_tokens"))
          read_count(j, &event->cached_tokens);
        else
          sb_json_skip(j);
      }
    } else {
      sb_json_skip(j);
    }
  }
}

static void read_timings(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  if (sb_json_peek(j) != SB_JSON_OBJECT) {
    sb_json_skip(j);
    return;
  }
  sb_json_object(j);
  while (sb_json_key(j, &key)) {
    if (sb_json_is(&key, "predicted_n"))
      read_count(j, &event->predicted_n);
    else if (sb_json_is(&key, "draft_n"))
      read_count(j, &event->draft_n);
    else if (sb_json_is(&key, "draft_n_accepted"))
      read_count(j, &event->draft_accepted_n);
    else
      sb_json_skip(j);
  }
}

static void read_speculation(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  if (sb_json_peek(j) != SB_JSON_OBJECT) {
    sb_json_skip(j);
    return;
  }
  sb_json_object(j);
  while (sb_json_key(j, &key)) {
    if (sb_json_is(&key, "num_draft_tokens"))
      read_count(j, &event->draft_n);
    else if (sb_json_is(&key, "num_accepted_draft_tokens"))
      read_count(j, &event->draft_accepted_n);
    else
      sb_json_skip(j);
  }
}

static void read_metrics(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  if (sb_json_peek(j) != SB_JSON_OBJECT) {
    sb_json_skip(j);
    return;
  }
  sb_json_object(j);
  while (sb_json_key(j, &key)) {
    if (sb_json_is(&key, "speculative_decoding"))
      read_speculation(j, event);
    else
      sb_json_skip(j);
  }
}

static void read_error(sb_json *j, sb_oai_event *event)
{
  sb_json_string_t key;
  sb_json_type type = sb_json_peek(j);
  event->is_error = type != SB_JSON_NULL;
  if (type == SB_JSON_STRING) {
    sb_json_string(j, &event->error);
  } else if (type == SB_JSON_OBJECT) {
    sb_json_object(j);
    while (sb_json_key(j, &key)) {
      if (sb_json_is(&key, "message"))
        read_string(j, &event->error);
      else
        sb_json_skip(j);
    }
  } else {
    sb_json_skip(j);
  }
}

int sb_oai_parse(const char *data, size_t size, sb_oai_event *event)
{
  *event = (sb_oai_event){ .token_ids = -1, .prompt_tokens = -1, .completion_tokens = -1, .cached_tokens = -1,
                           .predicted_n = -1, .draft_n = -1, .draft_accepted_n = -1 };
  if (size == 6 && memcmp(data, "[DONE]", 6) == 0) {
    event->done = true;
    return SB_OK;
  }
  sb_json j;
  sb_json_string_t key;
  sb_json_init(&j, data, size);
  sb_json_object(&j);
  while (sb_json_key(&j, &key)) {
    if (sb_json_is(&key, "choices"))
      read_choices(&j, event);
    else if (sb_json_is(&key, "usage"))
      read_usage(&j, event);
    else if (sb_json_is(&key, "timings"))
      read_timings(&j, event);
    else if (sb_json_is(&key, "metrics"))
      read_metrics(&j, event);
    else if (sb_json_is(&key, "error"))
      read_error(&j, event);
    else
      sb_json_skip(&j);
  }
  event->has_text = event->text[0].size || event->text[1].size;
  return sb_json_done(&j) ? SB_OK : SB_EPARSE;
}
