#include "sim/answer.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"
#include "sim/tokens.h"

static void put(sb_strbuf *out, const char *text)
{
  sb_strbuf_append(out, text, strlen(text));
}

void sb_sim_answer_init(sb_sim_answer *a, const sb_sim_api_request *request, const char *id,
                        int64_t created_s, const char *model)
{
  *a = (sb_sim_answer){ .request = *request };
  const char *object =
      request->chat ? request->stream ? "chat.completion.chunk" : "chat.completion" : "text_completion";
  sb_strbuf_printf(&a->head, "%s{\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":%s",
                   request->stream ? "data: " : "", request->chat ? "chatcmpl" : "cmpl", id, object,
                   created_s, model);
}

void sb_sim_answer_deinit(sb_sim_answer *a)
{
  sb_strbuf_deinit(&a->head);
}

static void put_head(const sb_sim_answer *a, sb_strbuf *out)
{
  sb_strbuf_append(out, a->head.data, a->head.size);
}

static void put_usage(const sb_sim_answer *a, int32_t tokens, sb_strbuf *out)
{
  put(out, ",\"usage\":{\"prompt_tokens\":");
  sb_json_put_int(out, a->request.prompt_tokens);
  put(out, ",\"total_tokens\":");
  sb_json_put_int(out, a->request.prompt_tokens + tokens);
  put(out, ",\"completion_tokens\":");
  sb_json_put_int(out, tokens);
  put(out, "}");
}

/* Of the whole request, in the words of vLLM's --per-request-spec-decode-metrics. */
static void put_metrics(const sb_sim_answer *a, sb_strbuf *out)
{
  if (!a->tells_acceptance)
    return;
  put(out, ",\"metrics\":{\"speculative_decoding\":{\"num_accepted_draft_tokens\":");
  sb_json_put_int(out, a->accepted_tokens);
  put(out, ",\"num_draft_tokens\":");
  sb_json_put_int(out, a->draft_tokens);
  put(out, "}}");
}

static void put_finish(const char *finish_reason, sb_strbuf *out)
{
  put(out, ",\"logprobs\":null,\"finish_reason\":");
  if (!finish_reason) {
    put(out, "null");
    return;
  }
  put(out, "\"");
  put(out, finish_reason);
  put(out, "\",\"stop_reason\":null");
}

static void put_ids(const sb_sim_answer *a, int32_t tokens, sb_strbuf *out)
{
  if (!a->request.token_ids)
    return;
  put(out, ",\"token_ids\":[");
  for (int32_t i = a->sent; i < a->sent + tokens; i++) {
    if (i > a->sent)
      put(out, ",");
    sb_json_put_int(out, sb_sim_tokens_answer(a->request.prompt_hash, i));
  }
  put(out, "]");
}

/* From the words of a choice on, which a chunk and a whole answer have alike. */
static void end_choice(sb_sim_answer *a, int32_t tokens, const char *finish_reason, sb_strbuf *out)
{
  sb_sim_tokens_text(a->request.prompt_hash, a->sent, a->sent + tokens, out); /* words need no escaping */
  put(out, a->request.chat ? "\"}" : "\"");
  put_finish(finish_reason, out);
  put_ids(a, tokens, out);
  a->sent += tokens;
  put(out, "}]");
}

void sb_sim_answer_step(sb_sim_answer *a, int32_t tokens, const char *finish_reason, sb_strbuf *out)
{
  if (a->request.chat && a->sent == 0) {
    put_head(a, out);
    put(out, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"
             ",\"logprobs\":null,\"finish_reason\":null}]");
    if (a->request.continuous_usage)
      put_usage(a, a->sent, out);
    put(out, "}\n\n");
  }
  put_head(a, out);
  put(out, a->request.chat ? ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
                           : ",\"choices\":[{\"index\":0,\"text\":\"");
  end_choice(a, tokens, finish_reason, out);
  if (a->request.continuous_usage)
    put_usage(a, a->sent, out);
  put(out, "}\n\n");
}

void sb_sim_answer_end(const sb_sim_answer *a, sb_strbuf *out)
{
  if (a->request.include_usage) {
    put_head(a, out);
    put(out, ",\"choices\":[]");
    put_usage(a, a->sent + a->usage_excess, out);
    put_metrics(a, out);
    put(out, "}\n\n");
  }
  put(out, "data: [DONE]\n\n");
}

void sb_sim_answer_break(const sb_sim_answer *a, const char *message, sb_strbuf *out)
{
  if (a->request.stream)
    put(out, "data: ");
  sb_sim_api_put_error(out, 500, "InternalServerError", "", message);
  if (a->request.stream)
    put(out, "\n\ndata: [DONE]\n\n");
}

void sb_sim_answer_whole(sb_sim_answer *a, int32_t tokens, const char *finish_reason, sb_strbuf *out)
{
  put_head(a, out);
  put(out, a->request.chat ? ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
                           : ",\"choices\":[{\"index\":0,\"text\":\"");
  end_choice(a, tokens, finish_reason, out);
  put_usage(a, a->sent + a->usage_excess, out);
  put_metrics(a, out);
  put(out, "}");
}
