#include "sim/faults.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static const struct {
  const char *name;
  sb_sim_fault_kind kind;
  bool argument;
} kinds[] = {
  { "http500", SB_SIM_FAULT_HTTP500, false },
  { "http429", SB_SIM_FAULT_HTTP429, false },
  { "http404", SB_SIM_FAULT_HTTP404, false },
  { "not-sse", SB_SIM_FAULT_NOT_SSE, false },
  { "truncate", SB_SIM_FAULT_TRUNCATE, true },
  { "error-event", SB_SIM_FAULT_ERROR_EVENT, true },
  { "silence", SB_SIM_FAULT_SILENCE, true },
  { "die", SB_SIM_FAULT_DIE, true },
  { "short", SB_SIM_FAULT_SHORT, true },
  { "no-usage", SB_SIM_FAULT_NO_USAGE, false },
  { "wrong-usage", SB_SIM_FAULT_WRONG_USAGE, true },
  { "freeze", SB_SIM_FAULT_FREEZE, true },
  { "never-ready", SB_SIM_FAULT_NEVER_READY, false },
};

int sb_sim_faults_add(sb_sim_faults *faults, const char *text, sb_err *err)
{
  if (faults->count == SB_SIM_MAX_FAULTS)
    return sb_err_set(err, SB_EINVAL, "more than %d --fault options", SB_SIM_MAX_FAULTS);
  size_t name = strcspn(text, "@%:");
  const char *rest = text + name;
  sb_sim_fault fault = { .argument = -1 };
  bool known = false, takes_argument = false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strlen(kinds[i].name) == name && !strncmp(kinds[i].name, text, name)) {
      fault.kind = kinds[i].kind;
      takes_argument = kinds[i].argument;
      known = true;
    }
  if (!known)
    return sb_err_set(err, SB_EINVAL, "--fault '%s': unknown kind; see specbench sim --help", text);
  char *end;
  if (*rest == '@') {
    fault.at = strtoll(rest + 1, &end, 10);
    if (end == rest + 1 || fault.at < 1)
      return sb_err_set(err, SB_EINVAL, "--fault '%s': after '@' comes a request's number, from 1", text);
    rest = end;
  } else if (*rest == '%') {
    fault.percent = strtod(rest + 1, &end);
    if (end == rest + 1 || !(fault.percent > 0 && fault.percent <= 100))
      return sb_err_set(err, SB_EINVAL, "--fault '%s': after '%%' comes a share above 0, up to 100", text);
    rest = end;
  }
  if (*rest == ':') {
    fault.argument = strtod(rest + 1, &end);
    if (!takes_argument || end == rest + 1 || !isfinite(fault.argument) || fault.argument < 0 ||
        fault.argument > 1e6)
      return sb_err_set(err, SB_EINVAL, "--fault '%s': the argument after ':' is not usable", text);
    rest = end;
  }
  if (*rest)
    return sb_err_set(err, SB_EINVAL, "--fault '%s': write KIND[@N|%%P][:ARG]", text);
  if (fault.kind == SB_SIM_FAULT_FREEZE && fault.argument < 0)
    return sb_err_set(err, SB_EINVAL, "--fault '%s': write freeze[@N]:SECONDS", text);
  faults->list[faults->count++] = fault;
  return SB_OK;
}

static bool meets(const sb_sim_fault *fault, int64_t n, uint64_t seed, const char *body, size_t size)
{
  if (fault->percent > 0)
    return (double)(sb_hash64(body, size, seed) >> 11) * 0x1p-53 * 100 < fault->percent;
  return fault->at == 0 || fault->at == n;
}

const sb_sim_fault *sb_sim_faults_find(const sb_sim_faults *faults, int64_t n, const char *body, size_t size)
{
  for (int i = 0; i < faults->count; i++) {
    const sb_sim_fault *f = &faults->list[i];
    if (f->kind != SB_SIM_FAULT_NEVER_READY && meets(f, n, (uint64_t)i, body, size))
      return f;
  }
  return NULL;
}

int32_t sb_sim_fault_break_after(const sb_sim_fault *fault, int32_t output_tokens)
{
  if (!fault || (fault->kind != SB_SIM_FAULT_TRUNCATE && fault->kind != SB_SIM_FAULT_ERROR_EVENT &&
                 fault->kind != SB_SIM_FAULT_SILENCE))
    return -1;
  return fault->argument < 0 ? output_tokens / 2 : (int32_t)fault->argument;
}

bool sb_sim_faults_never_ready(const sb_sim_faults *faults)
{
  for (int i = 0; i < faults->count; i++)
    if (faults->list[i].kind == SB_SIM_FAULT_NEVER_READY)
      return true;
  return false;
}
