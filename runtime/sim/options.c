#include "sim/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/profile.h"

typedef enum option_type { STRING, INTEGER, NUMBER, FLAG, FAULT, K_TABLE } option_type;

typedef struct option {
  const char *name, *argument;
  option_type type;
  size_t offset;
  double least, most;
  const char *help;
} option;

#define AT(field) offsetof(sb_sim_options, field)

static const option table[] = {
  { "--profile", "NAME|FILE", STRING, AT(profile), 0, 0, "what the simulated model costs (required)" },
  { "--profiles", "DIR", STRING, AT(profiles_dir), 0, 0, "folder of NAME.json ($SPECBENCH_SIM_PROFILES)" },
  { "--method", "NAME", STRING, AT(method), 0, 0, "speculation method of the profile (its default)" },
  { "--model", "NAME", STRING, AT(model), 0, 0, "served model name (the profile's name)" },
  { "--host", "ADDRESS", STRING, AT(host), 0, 0, "address to listen on (127.0.0.1)" },
  { "--allow-remote", NULL, FLAG, AT(allow_remote), 0, 0, "let --host be other than a loopback address" },
  { "--port", "PORT", INTEGER, AT(port), 0, 65535, "port; 0 takes a free one (0)" },
  { "--k", "N", INTEGER, AT(k), 0, SB_SIM_MAX_K, "draft tokens a step; 0: no speculation (0)" },
  { "--max-num-seqs", "N", INTEGER, AT(max_num_seqs), 1, 1 << 20, "running sequences (the profile's)" },
  { "--kv-tokens", "N", INTEGER, AT(kv_tokens), 1, 1e15, "size of the KV cache in tokens (the profile's)" },
  { "--chunked-prefill", NULL, FLAG, AT(chunked_prefill), 0, 0, "cut prefills into pieces" },
  { "--max-num-batched-tokens", "N", INTEGER, AT(max_num_batched_tokens), 1, 1 << 30,
    "tokens of a chunked-prefill step (the profile's)" },
  { "--disable-by-batch-size", "N", INTEGER, AT(disable_by_batch_size), 2, 1 << 20,
    "requests in a batch of so many lose speculation for good" },
  { "--k-by-batch-size", "TABLE", K_TABLE, AT(k_by_batch_size), 0, 0,
    "k by running requests: [[first,last,k],...]" },
  { "--speculative-max-model-len", "N", INTEGER, AT(speculative_max_model_len), 1, 1 << 30,
    "no speculation on longer sequences" },
  { "--scheduler-delay-factor", "F", NUMBER, AT(scheduler_delay_factor), 0, 1e6,
    "a request waits F times the last prefill before its own (0)" },
  { "--multi-step", "N", INTEGER, AT(multi_step), 1, 1024, "decode steps on one plan; not with --k (1)" },
  { "--per-request-acceptance", NULL, FLAG, AT(per_request_acceptance), 0, 0,
    "say beside the usage what was drafted and accepted" },
  { "--task", "NAME", STRING, AT(task), 0, 0, "task of requests that name none (default)" },
  { "--noise", "SD", NUMBER, AT(noise), 0, 10, "relative noise of a step's time (0)" },
  { "--seed", "N", INTEGER, AT(seed), 0, 9e15, "seed of noise and acceptance (0)" },
  { "--speed", "N", NUMBER, AT(speed), 1e-3, 1e6, "run the engine's clock N times faster (1)" },
  { "--truth", "FILE", STRING, AT(truth), 0, 0, "write what really happened, a JSON line a request" },
  { "--load-time", "SECONDS", NUMBER, AT(load_time_s), 0, 1e6, "answer 503 for that long first (0)" },
  { "--refuse-while-loading", NULL, FLAG, AT(refuse_while_loading), 0, 0,
    "do not even listen while loading" },
  { "--flood", NULL, FLAG, AT(flood), 0, 0, "no pacing: every event as soon as possible" },
  { "--step-ms", "MS", NUMBER, AT(step_ms), 0.01, 1e6, "fixed pacing: a chunk for every stream each MS" },
  { "--tokens-per-chunk", "N", INTEGER, AT(tokens_per_chunk), 1, 1 << 20, "tokens of such a chunk (1)" },
  { "--fault", "KIND[@N|%P][:ARG]", FAULT, AT(faults), 0, 0,
    "misbehave: all completions, the N-th, or P % of them" },
  { "--help", NULL, FLAG, AT(help), 0, 0, "show this" },
};

static int set_integer(const option *o, const char *text, int64_t *value, sb_err *err)
{
  char *end;
  errno = 0;
  long long n = strtoll(text, &end, 10);
  if (end == text || *end || errno || (double)n < o->least || (double)n > o->most)
    return sb_err_set(err, SB_EINVAL, "%s '%s': must be a whole number from %.0f to %.0f", o->name, text,
                      o->least, o->most);
  *value = n;
  return SB_OK;
}

static int set_number(const option *o, const char *text, double *value, sb_err *err)
{
  char *end;
  double n = strtod(text, &end);
  if (end == text || *end || !isfinite(n) || n < o->least || n > o->most)
    return sb_err_set(err, SB_EINVAL, "%s '%s': must be a number from %g to %g", o->name, text, o->least,
                      o->most);
  *value = n;
  return SB_OK;
}

static int set_k_table(const option *o, const char *text, sb_sim_k_table *field, sb_err *err)
{
  sb_err why = { 0 };
  if (sb_sim_k_table_parse(field, text, &why))
    return sb_err_set(err, SB_EINVAL, "%s '%s': %s", o->name, text, why.text);
  return SB_OK;
}

static int set(sb_sim_options *options, const option *o, const char *text, sb_err *err)
{
  void *field = (char *)options + o->offset;
  switch (o->type) {
  case INTEGER: return set_integer(o, text, field, err);
  case NUMBER: return set_number(o, text, field, err);
  case K_TABLE: return set_k_table(o, text, field, err);
  case FAULT: return sb_sim_faults_add(field, text, err);
  case STRING: *(const char **)field = text; return SB_OK;
  default: *(bool *)field = true; return SB_OK;
  }
}

static const option *find(const char *name, size_t size)
{
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strlen(table[i].name) == size && !strncmp(table[i].name, name, size))
      return &table[i];
  return NULL;
}

/* Settings that no engine takes together. */
static int check_scheduling(const sb_sim_options *o, sb_err *err)
{
  int largest = sb_sim_k_table_largest(&o->k_by_batch_size);
  if (o->k_by_batch_size.count > 0 && o->k == 0)
    return sb_err_set(err, SB_EINVAL, "--k-by-batch-size needs --k, the largest k");
  if (largest > o->k)
    return sb_err_set(err, SB_EINVAL, "--k-by-batch-size has a k of %d, above --k %d", largest, (int)o->k);
  if (o->multi_step > 1 && o->k > 0)
    return sb_err_set(err, SB_EINVAL, "--multi-step does not go with speculation: leave out --k");
  if (o->multi_step > 1 && o->chunked_prefill)
    return sb_err_set(err, SB_EINVAL, "--multi-step with --chunked-prefill is not simulated: leave out one");
  return SB_OK;
}

static bool is_loopback(const char *host)
{
  return !strncmp(host, "127.", 4) || !strcmp(host, "::1");
}

int sb_sim_options_parse(sb_sim_options *options, int argc, char **argv, sb_err *err)
{
  *options = (sb_sim_options){ .host = "127.0.0.1", .task = "default", .speed = 1 };
  for (int i = 1; i < argc; i++) {
    size_t size = strcspn(argv[i], "=");
    const char *value = argv[i][size] ? argv[i] + size + 1 : NULL;
    const option *o = find(argv[i], size);
    if (!o)
      return sb_err_set(err, SB_EINVAL, "unknown option '%s'; see specbench sim --help", argv[i]);
    if (o->type == FLAG && value)
      return sb_err_set(err, SB_EINVAL, "%s takes no argument", o->name);
    if (o->type != FLAG && !value && ++i < argc)
      value = argv[i];
    if (o->type != FLAG && !value)
      return sb_err_set(err, SB_EINVAL, "%s needs an argument: %s %s", o->name, o->name, o->argument);
    int rc = set(options, o, value, err);
    if (rc)
      return rc;
  }
  if (options->help)
    return SB_OK;
  if (!options->profile)
    return sb_err_set(err, SB_EINVAL, "--profile is missing: --profile NAME or --profile FILE.json");
  if (!strcmp(options->host, "localhost"))
    options->host = "127.0.0.1";
  if (!is_loopback(options->host) && !options->allow_remote)
    return sb_err_set(err, SB_EINVAL, "--host %s is reachable from elsewhere: if meant, add --allow-remote",
                      options->host);
  if (options->tokens_per_chunk && options->step_ms == 0)
    return sb_err_set(err, SB_EINVAL, "--tokens-per-chunk belongs to --step-ms, which is missing");
  if (options->tokens_per_chunk == 0)
    options->tokens_per_chunk = 1;
  return check_scheduling(options, err);
}

void sb_sim_options_help(void)
{
  puts("usage: specbench sim --profile NAME [OPTION...]\n\n"
       "Serves a simulated speculative-decoding LLM over an OpenAI-compatible HTTP API.\n");
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char left[64];
    snprintf(left, sizeof left, "%s %s", table[i].name, table[i].argument ? table[i].argument : "");
    printf("  %-34s %s\n", left, table[i].help);
  }
  puts("\nFaults: http500 http429 http404 not-sse truncate[:TOKENS] error-event[:TOKENS] silence[:TOKENS]\n"
       "  short[:TOKENS] no-usage wrong-usage[:TOKENS] die[:STATUS] freeze:SECONDS never-ready; TOKENS: "
       "after how\n"
       "  many of the answer (half of it), or how many too many (as many again); P %: the same ones again");
}
