#include "net/oai.h"

#include <string.h>

#include "base/err.h"

/* A member that is read, into what stands at an offset in the event. A list of them ends with a NULL name. */
typedef struct member {
  const char *name;
  size_t size; /* of the name */
  void (*read)(sb_json *j, void *into);
  size_t at;
} member;

#define MEMBER(name, read, field) { name, sizeof(name) - 1, read, offsetof(sb_oai_event, field) }
#define PART(name, read) { name, sizeof(name) - 1, read, 0 } /* an object or array of its own */

/* The members of an object that has been entered. */
static void read_members(sb_json *j, sb_oai_event *event, const member *members)
{
  sb_json_string_t key;
  while (sb_json_key(j, &key)) {
    const member *m = members;
    while (m->name && (key.size != m->size || key.raw[0] != m->name[0] || key.escaped ||
                       memcmp(key.raw, m->name, m->size) != 0))
      m++;
    if (m->name)
      m->read(j, (char *)event + m->at);
    else
      sb_json_skip(j);
  }
}

/* Engines write null for an object that they have nothing to say in. */
static void read_object(sb_json *j, sb_oai_event *event, const member *members)
{
  if (sb_json_next_is(j, SB_JSON_OBJECT) && sb_json_object(j))
    read_members(j, event, members);
}

/* An integer, or absent: engines write null, and llama.cpp some counts as floats. */
static void read_count(sb_json *j, void *into)
{
  int64_t *count = into, value = -1;
  sb_json before = *j;
  if (sb_json_next_is(j, SB_JSON_NUMBER) && !sb_json_int(j, &value)) {
    *j = before; /* a fraction, or beyond 64 bits: JSON all the same */
    value = -1;
    sb_json_skip(j);
  }
  *count = value >= 0 && value < SB_OAI_COUNT_END ? value : -1;
}

/* Of the choice: any but the first is one too many. */
static void read_index(sb_json *j, void *several)
{
  int64_t index = 0;
  read_count(j, &index);
  if (index > 0)
    *(bool *)several = true;
}

static void read_string(sb_json *j, void *value)
{
  if (sb_json_next_is(j, SB_JSON_STRING))
    sb_json_string(j, value);
}

/* How many there are. */
static void read_token_ids(sb_json *j, void *into)
{
  int64_t *count = into;
  if (!sb_json_next_is(j, SB_JSON_ARRAY))
    return;
  *count = 0;
  sb_json_array(j);
  while (sb_json_item(j)) {
    sb_json_skip(j);
    ++*count;
  }
}

/* delta (stream) or message (whole answer) */
static void read_message(sb_json *j, void *event)
{
  static const member members[] = {
    MEMBER("content", read_string, text[1]),
    MEMBER("reasoning_content", read_string, text[0]),
    MEMBER("reasoning", read_string, text[0]),
    { 0 },
  };
  read_object(j, event, members);
}

/* Only the first choice is read: a benchmark asks for one, and whoever reads the event is told of more. */
static void read_choices(sb_json *j, void *into)
{
  static const member members[] = {
    PART("delta", read_message),
    PART("message", read_message),
    MEMBER("text", read_string, text[1]),
    MEMBER("finish_reason", read_string, finish),
    MEMBER("token_ids", read_token_ids, token_ids),
    MEMBER("index", read_index, several),
    { 0 },
  };
  sb_oai_event *event = into;
  if (!sb_json_next_is(j, SB_JSON_ARRAY))
    return;
  sb_json_array(j);
  while (sb_json_item(j)) {
    if (event->has_choice) {
      sb_json_skip(j);
      event->several = true;
    } else if (sb_json_object(j)) {
      read_members(j, event, members);
    }
    event->has_choice = true;
  }
}

static void read_prompt_details(sb_json *j, void *event)
{
  static const member members[] = { MEMBER("cached_tokens", read_count, cached_tokens), { 0 } };
  read_object(j, event, members);
}

static void read_usage(sb_json *j, void *event)
{
  static const member members[] = {
    MEMBER("prompt_tokens", read_count, prompt_tokens),
    MEMBER("completion_tokens", read_count, completion_tokens),
    PART("prompt_tokens_details", read_prompt_details),
    { 0 },
  };
  read_object(j, event, members);
}

static void read_timings(sb_json *j, void *event)
{
  static const member members[] = {
    MEMBER("predicted_n", read_count, predicted_n),
    MEMBER("draft_n", read_count, draft_n),
    MEMBER("draft_n_accepted", read_count, draft_accepted_n),
    { 0 },
  };
  read_object(j, event, members);
}

static void read_speculation(sb_json *j, void *event)
{
  static const member members[] = {
    MEMBER("num_draft_tokens", read_count, draft_n),
    MEMBER("num_accepted_draft_tokens", read_count, draft_accepted_n),
    { 0 },
  };
  read_object(j, event, members);
}

static void read_metrics(sb_json *j, void *event)
{
  static const member members[] = { PART("speculative_decoding", read_speculation), { 0 } };
  read_object(j, event, members);
}

/* An object with a message, or the message alone. */
static void read_error(sb_json *j, void *into)
{
  static const member members[] = { MEMBER("message", read_string, error), { 0 } };
  sb_oai_event *event = into;
  sb_json_type type = sb_json_peek(j);
  event->is_error = type != SB_JSON_NULL;
  if (type == SB_JSON_STRING)
    sb_json_string(j, &event->error);
  else
    read_object(j, event, members);
}

int sb_oai_parse(const char *data, size_t size, sb_oai_event *event)
{
  static const member members[] = {
    PART("choices", read_choices), PART("usage", read_usage), PART("timings", read_timings),
    PART("metrics", read_metrics), PART("error", read_error), { 0 },
  };
  *event = (sb_oai_event){ .token_ids = -1,
                           .prompt_tokens = -1,
                           .completion_tokens = -1,
                           .cached_tokens = -1,
                           .predicted_n = -1,
                           .draft_n = -1,
                           .draft_accepted_n = -1 };
  if (size == 6 && memcmp(data, "[DONE]", 6) == 0) {
    event->done = true;
    return SB_OK;
  }
  sb_json j;
  sb_json_init(&j, data, size);
  sb_json_object(&j);
  read_members(&j, event, members);
  event->has_text = event->text[0].size || event->text[1].size;
  return sb_json_done(&j) ? SB_OK : SB_EPARSE;
}
