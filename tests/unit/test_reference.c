#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "measure/metrics.h"

/* The reference's rule, written out again as its clients go: one event after the other, with what they remember in
 * between. Beside it the figures that come out of records. */

enum { ANSWERS = 40, EVENTS = 120 };

typedef enum kind { ROLE, TEXT, EMPTY, TOKEN_WITHOUT_TEXT, FINISH, USAGE, END } kind;

typedef struct event {
  kind kind;
  int64_t t;
} event;

typedef struct answer {
  event events[EVENTS];
  int count, tokens;
  int64_t sent, done;
} answer;

static answer answers[ANSWERS];

static kind draw_kind(sb_rng *rng, int i, int chunks)
{
  static const kind ends[] = { FINISH, USAGE, END };
  uint64_t die = sb_rng_below(rng, 100);
  if (i == 0)
    return ROLE;
  if (i > chunks)
    return ends[i - chunks - 1];
  return die < 15 ? EMPTY : die < 20 ? TOKEN_WITHOUT_TEXT : TEXT;
}

static void draw_answer(sb_rng *rng, answer *a, int64_t at)
{
  *a = (answer){ .sent = at };
  int chunks = 10 + (int)sb_rng_below(rng, 60);
  for (int i = 0; i <= chunks + 3; i++) {
    kind k = draw_kind(rng, i, chunks);
    if (sb_rng_below(rng, 4)) /* else it came in the same read */
      at += 1 + (int64_t)sb_rng_below(rng, 30000000);
    if (k == END)
      at += 200000000; /* late */
    a->events[a->count++] = (event){ k, at };
    a->tokens += k == TEXT || k == TOKEN_WITHOUT_TEXT;
  }
  a->done = at + 1000;
}

static void draw(uint64_t seed)
{
  sb_rng rng;
  sb_rng_init(&rng, seed, 7);
  for (int i = 0; i < ANSWERS; i++)
    draw_answer(&rng, &answers[i], 1000000000 + i * 1000000);
}

/* As a load records them. */
static sb_run *run_of(bool chat)
{
  sb_run *run = sb_run_new(ANSWERS);
  run->chat = chat;
  for (int i = 0; i < ANSWERS; i++) {
    const answer *a = &answers[i];
    sb_record *r = &run->records[i];
    uint32_t told = 0;
    r->t_intended = r->t_send = a->sent;
    r->t_done = a->done;
    r->token_source = SB_TOKENS_TOKEN_IDS;
    sb_timeline_reset(&r->timeline, a->sent);
    sb_timeline_reset(&r->others, a->sent);
    for (int e = 0; e < a->count; e++) {
      const event *one = &a->events[e];
      if (one->kind == TEXT || one->kind == TOKEN_WITHOUT_TEXT) {
        sb_timeline_append(&r->timeline, one->t, 1, one->kind == TEXT);
      } else {
        sb_timeline_append(&r->others, one->t, r->timeline.chunks - told, one->kind == END);
        told = r->timeline.chunks;
      }
    }
    run->t_end = r->t_done > run->t_end ? r->t_done : run->t_end;
  }
  run->t_start = answers[0].sent;
  return run;
}

typedef struct figures {
  double ttft, tpot, itl; /* sums, ms */
  int gaps;
  double longest, duration;
} figures;

static void add_gap(figures *f, int64_t ns)
{
  double gap = (double)ns / 1e6;
  f->itl += gap;
  f->gaps++;
  f->longest = gap > f->longest ? gap : f->longest;
}

/* Each event has its time; a gap is what has passed since the time remembered, which every event but the end mark
 * renews. */
static figures chat_client(void)
{
  figures f = { 0 };
  int64_t last_done = 0;
  for (int i = 0; i < ANSWERS; i++) {
    int64_t first = 0, latency = 0, most_recent = answers[i].sent;
    for (int e = 0; e < answers[i].count; e++) {
      const event *one = &answers[i].events[e];
      if (one->kind == END) {
        latency = one->t - answers[i].sent;
        continue;
      }
      if (one->kind == TEXT && first)
        add_gap(&f, one->t - most_recent);
      else if (one->kind == TEXT)
        first = one->t;
      most_recent = one->t;
    }
    double ttft = (double)(first - answers[i].sent) / 1e6;
    f.ttft += ttft;
    f.tpot += ((double)latency / 1e6 - ttft) / (answers[i].tokens - 1);
    last_done = answers[i].done > last_done ? answers[i].done : last_done;
  }
  f.duration = (double)(last_done - answers[0].sent) / 1e9;
  return f;
}

/* Only text counts; the duration is our own. */
static figures completions_client(void)
{
  figures f = { 0 };
  int64_t last_token = 0;
  for (int i = 0; i < ANSWERS; i++) {
    int64_t first = 0, most_recent = 0;
    for (int e = 0; e < answers[i].count; e++) {
      const event *one = &answers[i].events[e];
      if (one->kind == TOKEN_WITHOUT_TEXT || one->kind == TEXT)
        last_token = one->t > last_token ? one->t : last_token;
      if (one->kind != TEXT)
        continue;
      if (first)
        add_gap(&f, one->t - most_recent);
      else
        first = one->t;
      most_recent = one->t;
    }
    f.ttft += (double)(first - answers[i].sent) / 1e6;
    f.tpot += (double)(most_recent - first) / 1e6 / (answers[i].tokens - 1);
  }
  f.duration = (double)(last_token - answers[0].sent) / 1e9;
  return f;
}

static void assert_near(double value, double want)
{
  if (!(fabs(value - want) <= 1e-9 * fabs(want)))
    fail_msg("%.12g, not %.12g", value, want);
}

static void assert_figures(bool chat, const figures *want)
{
  sb_run *run = run_of(chat);
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  assert_near(m.ref_ttft_ms.mean, want->ttft / ANSWERS);
  assert_near(m.ref_tpot_ms.mean, want->tpot / ANSWERS);
  assert_near(m.ref_itl_ms.count, want->gaps);
  assert_near(m.ref_itl_ms.mean, want->itl / want->gaps);
  assert_near(m.ref_itl_ms.max, want->longest);
  assert_near(m.ref_duration, want->duration);
  sb_run_free(run);
}

static void figures_of_records_are_those_of_the_references_clients(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 50; seed++) {
    draw(seed);
    figures chat = chat_client(), completions = completions_client();
    assert_figures(true, &chat);
    assert_figures(false, &completions);
  }
}

static void records_without_all_events_have_no_such_figures(void **state)
{
  (void)state;
  draw(1);
  sb_run *run = run_of(true);
  run->events_known = false;
  sb_metrics m;
  sb_metrics_compute(run, NULL, &m);
  assert_true(isnan(m.ref_ttft_ms.mean) && isnan(m.ref_tpot_ms.mean) && isnan(m.ref_duration));
  assert_true(m.ref_itl_ms.count == 0.0 && isnan(m.ref_itl_ms.mean));
  assert_false(isnan(m.ttft_ms.mean) || isnan(m.itl_chunk_ms.mean) || isnan(m.duration));
  sb_run_free(run);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(figures_of_records_are_those_of_the_references_clients),
    cmocka_unit_test(records_without_all_events_have_no_such_figures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
