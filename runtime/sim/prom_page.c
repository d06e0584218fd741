#include "sim/prom_page.h"

#include <stdio.h>
#include <string.h>

#include "base/json_write.h"

typedef struct writer {
  const sb_sim_prom_page *page;
  sb_strbuf *out;
} writer;

/* From seven digits before the point on, prometheus_client writes an exponent, as Go does: 1.2345678e+07. */
static void put_value(sb_strbuf *out, double value)
{
  sb_strbuf text = { 0 };
  sb_json_put_double(&text, value);
  char *dot = strchr(text.data, '.');
  if (value > 0 && dot && !strchr(text.data, 'e') && dot - text.data > 6) {
    int exponent = (int)(dot - text.data) - 1;
    memmove(text.data + 2, text.data + 1, (size_t)exponent);
    text.data[1] = '.';
    while (text.size > 1 && (text.data[text.size - 1] == '0' || text.data[text.size - 1] == '.'))
      text.data[--text.size] = '\0';
    sb_strbuf_printf(out, "%se+%02d", text.data, exponent);
  } else {
    sb_strbuf_append(out, text.data, text.size);
  }
  sb_strbuf_deinit(&text);
}

/* One sample. label: `name="value"` that sorts between engine and model_name or after both; "" for none. */
static void put_sample(const writer *w, const char *name, const char *suffix, const char *before_model,
                       const char *after_model, double value)
{
  sb_strbuf_printf(w->out, "%s%s{engine=\"0\"%s,model_name=\"", name, suffix, before_model);
  for (const char *c = w->page->model; *c; c++)
    if (*c == '\n')
      sb_strbuf_puts(w->out, "\\n");
    else
      sb_strbuf_printf(w->out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
  sb_strbuf_printf(w->out, "\"%s} ", after_model);
  put_value(w->out, value);
  sb_strbuf_putc(w->out, '\n');
}

static void put_family(const writer *w, const char *name, const char *suffix, const char *type,
                       const char *help)
{
  sb_strbuf_printf(w->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, type);
}

static void put_gauge(const writer *w, const char *name, const char *help, double value)
{
  put_family(w, name, "", "gauge", help);
  put_sample(w, name, "", "", "", value);
}

static void put_counter(const writer *w, const char *name, const char *help, int64_t value)
{
  put_family(w, name, "_total", "counter", help);
  put_sample(w, name, "_total", "", "", (double)value);
  put_family(w, name, "_created", "gauge", help);
  put_sample(w, name, "_created", "", "", w->page->created_s);
}

static void put_request_success(const writer *w)
{
  static const char name[] = "vllm:request_success", help[] = "Requests by the way they ended.";
  const char *labels[] = { ",finished_reason=\"stop\"", ",finished_reason=\"length\"",
                           ",finished_reason=\"abort\"" };
  int64_t values[] = { w->page->stopped, w->page->length_limited, w->page->aborted };
  put_family(w, name, "_total", "counter", help);
  for (int i = 0; i < 3; i++)
    put_sample(w, name, "_total", labels[i], "", (double)values[i]);
  put_family(w, name, "_created", "gauge", help);
  for (int i = 0; i < 3; i++)
    put_sample(w, name, "_created", labels[i], "", w->page->created_s);
}

static void put_per_position(const writer *w, const sb_sim_counters *c)
{
  static const char name[] = "vllm:spec_decode_num_accepted_tokens_per_pos",
                    help[] = "Accepted draft tokens by their position in the draft.";
  char label[32];
  put_family(w, name, "_total", "counter", help);
  for (int i = 0; i < w->page->k; i++) {
    snprintf(label, sizeof label, ",position=\"%d\"", i);
    put_sample(w, name, "_total", "", label, (double)c->accepted_per_position[i]);
  }
  put_family(w, name, "_created", "gauge", help);
  for (int i = 0; i < w->page->k; i++) {
    snprintf(label, sizeof label, ",position=\"%d\"", i);
    put_sample(w, name, "_created", "", label, w->page->created_s);
  }
}

void sb_sim_prom_page_put(const sb_sim_prom_page *page, const sb_sim_counters *c, sb_strbuf *out)
{
  writer w = { page, out };
  put_gauge(&w, "vllm:num_requests_running", "Requests in the running batch.", c->running);
  put_gauge(&w, "vllm:num_requests_waiting", "Requests waiting for a place in the batch.", c->waiting);
  put_gauge(&w, "vllm:kv_cache_usage_perc", "Share of the KV cache in use, 1 is all.", c->kv_usage);
  put_counter(&w, "vllm:num_preemptions", "Requests put back to make room.", c->preemptions);
  put_counter(&w, "vllm:prompt_tokens", "Prompt tokens computed.", c->prompt_tokens);
  put_counter(&w, "vllm:generation_tokens", "Tokens generated.", c->generation_tokens);
  put_request_success(&w);
  if (page->k == 0)
    return;
  put_counter(&w, "vllm:spec_decode_num_drafts", "Drafts verified.", c->drafts);
  put_counter(&w, "vllm:spec_decode_num_draft_tokens", "Draft tokens verified.", c->draft_tokens);
  put_counter(&w, "vllm:spec_decode_num_accepted_tokens", "Draft tokens accepted.", c->accepted_tokens);
  put_per_position(&w, c);
}
