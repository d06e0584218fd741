#include "sim/api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "base/rng.h"
#include "sim/tokens.h"

/* A body being read: what was found so far, and the first thing wrong with it. */
typedef struct reading {
  sb_json json;
  sb_sim_api_request *request;
  sb_sim_api_error *error;
  sb_strbuf text; /* scratch: one decoded string */
  sb_strbuf *ids; /* where the prompt's token ids go; NULL: nowhere */
  const char *served;
  int64_t max_completion_tokens; /* the newer name of max_tokens; 0: not given */
  bool counts_text, has_prompt, has_stream_options;
} reading;

static int fail(sb_sim_api_error *error, int status, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int fail(sb_sim_api_error *error, int status, const char *param, const char *format, ...)
{
  va_list args;
  error->status = status;
  snprintf(error->param, sizeof error->param, "%s", param);
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  return -1;
}

static int wrong(reading *r, const char *param, const char *what)
{
  return fail(r->error, 400, param, "%s must be %s", param, what);
}

/* Optional fields may be null, which means their default. */
static bool take_null(reading *r)
{
  return sb_json_peek(&r->json) == SB_JSON_NULL && sb_json_skip(&r->json);
}

static int read_bool(reading *r, const char *name, bool *value)
{
  return take_null(r) || sb_json_bool(&r->json, value) ? 0 : wrong(r, name, "true or false");
}

static int read_int(reading *r, const char *name, int64_t least, int64_t most, int64_t *value)
{
  if (take_null(r))
    return 0;
  if (!sb_json_int(&r->json, value) || *value < least || *value > most) {
    char what[80];
    snprintf(what, sizeof what, "an integer from %" PRId64 " to %" PRId64, least, most);
    return wrong(r, name, what);
  }
  return 0;
}

static int read_temperature(reading *r)
{
  double value = 0;
  return take_null(r) || (sb_json_double(&r->json, &value) && value >= 0)
             ? 0
             : wrong(r, "temperature", "a number of 0 or more");
}

static int read_model(reading *r)
{
  sb_json_string_t name;
  if (take_null(r))
    return 0;
  if (!sb_json_string(&r->json, &name))
    return wrong(r, "model", "a string");
  sb_strbuf_clear(&r->text);
  sb_json_unescape(&name, &r->text);
  const char *asked = r->text.size ? r->text.data : "";
  if (strcmp(asked, r->served) == 0)
    return 0;
  return fail(r->error, 404, "model", "the model '%.100s' is not served here; this is '%.60s'", asked,
              r->served);
}

/* Adds a piece of text to the prompt. */
static void add_text(reading *r, const sb_json_string_t *piece)
{
  sb_strbuf_clear(&r->text);
  sb_json_unescape(piece, &r->text);
  r->request->prompt_hash = sb_hash64(r->text.data, r->text.size, r->request->prompt_hash);
  if (r->counts_text)
    r->request->prompt_tokens += sb_sim_tokens_count(r->text.data, r->text.size, r->ids);
}

static int read_prompt(reading *r)
{
  sb_json_string_t text;
  static const char what[] = "a string or a list of token ids (one prompt a request)";
  r->has_prompt = true;
  if (sb_json_peek(&r->json) == SB_JSON_STRING && sb_json_string(&r->json, &text)) {
    add_text(r, &text);
    return 0;
  }
  if (!sb_json_array(&r->json))
    return wrong(r, "prompt", what);
  while (sb_json_item(&r->json)) {
    int64_t id;
    if (!sb_json_int(&r->json, &id) || id < 0)
      return wrong(r, "prompt", what);
    r->request->prompt_hash = sb_hash64(&id, sizeof id, r->request->prompt_hash);
    r->request->prompt_tokens++;
    if (r->ids)
      sb_strbuf_printf(r->ids, "%" PRId64 ",", id);
  }
  return 0;
}

/* A part of a message's content: {"type": "text", "text": "..."}. */
static int read_part(reading *r)
{
  sb_json_string_t key, text;
  bool found = false;
  if (sb_json_object(&r->json))
    while (sb_json_key(&r->json, &key)) {
      if (!sb_json_is(&key, "text")) {
        sb_json_skip(&r->json);
        continue;
      }
      if (!sb_json_string(&r->json, &text))
        break;
      add_text(r, &text);
      found = true;
    }
  return found ? 0 : wrong(r, "messages", "made of text parts only");
}

static int read_content(reading *r)
{
  sb_json_string_t text;
  switch (sb_json_peek(&r->json)) {
  case SB_JSON_NULL: sb_json_skip(&r->json); return 0;
  case SB_JSON_STRING:
    if (sb_json_string(&r->json, &text))
      add_text(r, &text);
    return 0;
  case SB_JSON_ARRAY:
    sb_json_array(&r->json);
    while (sb_json_item(&r->json))
      if (read_part(r))
        return -1;
    return 0;
  default: return wrong(r, "messages", "a list whose contents are strings or text parts");
  }
}

static int read_messages(reading *r)
{
  sb_json_string_t key, role;
  static const char what[] = "a list of objects with role and content";
  if (!sb_json_array(&r->json))
    return wrong(r, "messages", what);
  while (sb_json_item(&r->json)) {
    bool has_role = false;
    if (!sb_json_object(&r->json))
      return wrong(r, "messages", what);
    while (sb_json_key(&r->json, &key)) {
      if (sb_json_is(&key, "role")) {
        has_role = sb_json_string(&r->json, &role);
        if (!has_role)
          return wrong(r, "messages", what);
        r->request->prompt_hash = sb_hash64(role.raw, role.size, r->request->prompt_hash);
      } else if (sb_json_is(&key, "content")) {
        if (read_content(r))
          return -1;
      } else {
        sb_json_skip(&r->json);
      }
    }
    if (!has_role)
      return wrong(r, "messages", what);
    r->has_prompt = true;
  }
  return 0;
}

static int read_stream_options(reading *r)
{
  sb_json_string_t key;
  if (take_null(r))
    return 0;
  r->has_stream_options = true;
  if (!sb_json_object(&r->json))
    return wrong(r, "stream_options", "an object");
  while (sb_json_key(&r->json, &key)) {
    int rc = 0;
    if (sb_json_is(&key, "include_usage"))
      rc = read_bool(r, "stream_options.include_usage", &r->request->include_usage);
    else if (sb_json_is(&key, "continuous_usage_stats"))
      rc = read_bool(r, "stream_options.continuous_usage_stats", &r->request->continuous_usage);
    else
      sb_json_skip(&r->json);
    if (rc)
      return rc;
  }
  return 0;
}

static int read_field(reading *r, const sb_json_string_t *key)
{
  sb_sim_api_request *q = r->request;
  int64_t n = 1;
  if (sb_json_is(key, "model"))
    return read_model(r);
  if (sb_json_is(key, q->chat ? "messages" : "prompt"))
    return q->chat ? read_messages(r) : read_prompt(r);
  if (sb_json_is(key, "max_tokens"))
    return read_int(r, "max_tokens", 1, INT32_MAX, &q->max_tokens);
  if (sb_json_is(key, "max_completion_tokens"))
    return read_int(r, "max_completion_tokens", 1, INT32_MAX, &r->max_completion_tokens);
  if (sb_json_is(key, "min_tokens"))
    return read_int(r, "min_tokens", 0, INT32_MAX, &q->min_tokens);
  if (sb_json_is(key, "n"))
    return read_int(r, "n", 1, 1, &n);
  if (sb_json_is(key, "seed"))
    return read_int(r, "seed", INT64_MIN, INT64_MAX, &q->seed);
  if (sb_json_is(key, "temperature"))
    return read_temperature(r);
  if (sb_json_is(key, "ignore_eos"))
    return read_bool(r, "ignore_eos", &q->ignore_eos);
  if (sb_json_is(key, "stream"))
    return read_bool(r, "stream", &q->stream);
  if (sb_json_is(key, "return_token_ids"))
    return read_bool(r, "return_token_ids", &q->token_ids);
  if (sb_json_is(key, "stream_options"))
    return read_stream_options(r);
  sb_json_skip(&r->json);
  return 0;
}

/* Walks the body's members with `field`; what the text itself does wrong is reported here. */
static int read_body(reading *r, int (*field)(reading *, const sb_json_string_t *))
{
  sb_json_string_t key;
  if (!sb_json_object(&r->json))
    return fail(r->error, 400, "", "the body is not a JSON object");
  while (sb_json_key(&r->json, &key))
    if (field(r, &key))
      return -1;
  return sb_json_done(&r->json) ? 0 : fail(r->error, 400, "", "the body is not valid JSON");
}

int sb_sim_api_parse(sb_sim_api_request *request, bool chat, const char *served, bool counts_text,
                     const char *body, size_t size, sb_sim_api_error *error)
{
  *request = (sb_sim_api_request){ .chat = chat, .max_tokens = -1 };
  reading r = { .request = request, .error = error, .served = served, .counts_text = counts_text };
  sb_json_init(&r.json, body, size);
  int rc = read_body(&r, read_field);
  sb_strbuf_deinit(&r.text);
  if (rc)
    return rc;
  if (r.max_completion_tokens)
    request->max_tokens = r.max_completion_tokens;
  if (!r.has_prompt)
    return wrong(&r, chat ? "messages" : "prompt", "given and not empty");
  if (r.has_stream_options && !request->stream)
    return fail(error, 400, "stream_options", "stream_options may be given only where stream is true");
  if (request->max_tokens > 0 && request->min_tokens > request->max_tokens)
    return fail(error, 400, "min_tokens", "min_tokens must not be above max_tokens");
  request->continuous_usage = request->continuous_usage && request->include_usage;
  if (request->prompt_tokens == 0)
    request->prompt_tokens = 1; /* an empty prompt still begins with a token */
  return 0;
}

static int tokenize_field(reading *r, const sb_json_string_t *key)
{
  if (sb_json_is(key, "model"))
    return read_model(r);
  if (sb_json_is(key, "prompt"))
    return read_prompt(r);
  if (sb_json_is(key, "messages"))
    return read_messages(r);
  sb_json_skip(&r->json);
  return 0;
}

int sb_sim_api_tokenize(const char *served, int max_model_len, const char *body, size_t size, sb_strbuf *out,
                        sb_sim_api_error *error)
{
  sb_sim_api_request request = { 0 };
  sb_strbuf ids = { 0 };
  reading r = { .request = &request, .error = error, .served = served, .counts_text = true, .ids = &ids };
  sb_json_init(&r.json, body, size);
  int rc = read_body(&r, tokenize_field);
  if (!rc && !r.has_prompt)
    rc = wrong(&r, "prompt", "given, or messages");
  if (!rc) {
    if (ids.size)
      ids.data[--ids.size] = '\0'; /* the last comma */
    sb_strbuf_printf(out, "{\"count\":%" PRId64 ",\"max_model_len\":%d,\"tokens\":[%s]}",
                     request.prompt_tokens, max_model_len, ids.size ? ids.data : "");
  }
  sb_strbuf_deinit(&ids);
  sb_strbuf_deinit(&r.text);
  return rc;
}

void sb_sim_api_put_error(sb_strbuf *out, int status, const char *type, const char *param,
                          const char *message)
{
  sb_strbuf_puts(out, "{\"error\":{\"message\":");
  sb_json_put_string(out, message, strlen(message));
  sb_strbuf_printf(out, ",\"type\":\"%s\",\"param\":", type);
  if (*param)
    sb_json_put_string(out, param, strlen(param));
  else
    sb_strbuf_puts(out, "null");
  sb_strbuf_printf(out, ",\"code\":%d}}", status);
}
