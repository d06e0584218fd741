/* The engine against the world: the 64 published cells of Qwen2.5-7B without speculation (8 tasks, 8
 * concurrencies, one A100), each replayed in virtual time with the same prompts' lengths and as many output
 * tokens, must last as long as they did. How the tokens were spread over the prompts was not published: each
 * task's output_spread stands for it, and a cell's time is the mean over seeded draws. The 320 cells with a
 * draft model (k = 1 to 5) follow; no spread was fitted to them. TTFT and TPOT are compared likewise: the means over
 * a cell's requests. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "sim/engine.h"
#include "sim/lengths.h"

enum { MAX_PROMPTS = 1024, TASKS = 8, MAX_CELLS = 40 };
#define STALLED_S 3000.0 /* one published cell hung: 6270 s where its neighbours took under a minute */

typedef struct prompt {
  int32_t prompt_tokens;
  int32_t limit; /* max_tokens */
  const sb_sim_task *task;
  double length; /* natural output length, to be scaled */
} prompt;

/* What is compared, of a cell: the mean over its requests but for the duration. */
enum { DURATION, TTFT, TPOT, FIGURES };
static const char *const figure_names[FIGURES] = { "duration", "TTFT", "TPOT" };

typedef struct published {
  int64_t k, concurrency, num_prompts, output_tokens; /* k: -1 without speculation */
  double figures[FIGURES];                            /* seconds, ms, ms */
} published;

/* The reference's Task_ folder is the profile's name of a task; `table` names it in Spec-Bench's tables. */
static const struct {
  const char *name, *table;
} tasks[TASKS] = {
  { "ShareGPT", NULL },
  { "SpecBench_All", "all" },
  { "SpecBench_conversation", "conversation" },
  { "SpecBench_math_reasoning", "math-reasoning" },
  { "SpecBench_qa", "qa" },
  { "SpecBench_rag", "rag" },
  { "SpecBench_summarization", "summarization" },
  { "SpecBench_translation", "translation" },
};

static sb_sim_profile profile;

static void read_whole(const char *path, sb_strbuf *text)
{
  FILE *file = fopen(path, "rb");
  if (!file)
    fail_msg("cannot open %s", path);
  char block[4096];
  size_t size;
  while ((size = fread(block, 1, sizeof block, file)) > 0)
    sb_strbuf_append(text, block, size);
  fclose(file);
}

static int read_ints(sb_json *j, int32_t *out, int size)
{
  int count = 0;
  int64_t value;
  sb_json_array(j);
  while (sb_json_item(j)) {
    assert_true(count < size && sb_json_int(j, &value));
    out[count++] = (int32_t)value;
  }
  return count;
}

/* A length table, read from datasets/profiles/FILE. */
typedef struct table {
  int count, order_count, part_count;
  int64_t instruction;
  int32_t prompt_tokens[MAX_PROMPTS], answer_tokens[MAX_PROMPTS], order[MAX_PROMPTS];
  struct {
    char task[32];
    int64_t count;
  } parts[TASKS];
} table;

static void read_parts(sb_json *j, table *t)
{
  sb_json_array(j);
  while (sb_json_item(j)) {
    assert_true(t->part_count < TASKS);
    sb_json_string_t name;
    assert_true(sb_json_array(j) && sb_json_item(j) && sb_json_string(j, &name) && sb_json_item(j));
    assert_true(sb_json_int(j, &t->parts[t->part_count].count) && !sb_json_item(j));
    snprintf(t->parts[t->part_count++].task, sizeof t->parts[0].task, "%.*s", (int)name.size, name.raw);
  }
}

static void read_table_members(sb_json *j, table *t)
{
  sb_json_string_t key;
  sb_json_object(j);
  while (sb_json_key(j, &key))
    if (sb_json_is(&key, "prompt_tokens"))
      t->count = read_ints(j, t->prompt_tokens, MAX_PROMPTS);
    else if (sb_json_is(&key, "answer_tokens"))
      read_ints(j, t->answer_tokens, MAX_PROMPTS);
    else if (sb_json_is(&key, "reference_order"))
      t->order_count = read_ints(j, t->order, MAX_PROMPTS);
    else if (sb_json_is(&key, "reference_instruction_tokens"))
      sb_json_int(j, &t->instruction);
    else if (sb_json_is(&key, "parts"))
      read_parts(j, t);
    else
      sb_json_skip(j);
}

static void read_table(const char *file, const char *name, table *t)
{
  memset(t, 0, sizeof *t);
  sb_strbuf path = { 0 }, text = { 0 };
  sb_strbuf_printf(&path, "%s/datasets/profiles/%s.json", SB_SOURCE_DIR, file);
  read_whole(path.data, &text);
  sb_json j;
  sb_json_init(&j, text.data, text.size);
  sb_json_string_t key;
  sb_json_object(&j);
  while (sb_json_key(&j, &key)) {
    if (!sb_json_is(&key, "tables")) {
      sb_json_skip(&j);
      continue;
    }
    sb_json_object(&j);
    while (sb_json_key(&j, &key))
      if (sb_json_is(&key, name))
        read_table_members(&j, t);
      else
        sb_json_skip(&j);
  }
  assert_true(sb_json_done(&j));
  assert_true(t->count > 0);
  sb_strbuf_deinit(&path);
  sb_strbuf_deinit(&text);
}

/* Appends Spec-Bench's prompts of one task with the reference's max_tokens; returns how many there are. */
static int add_spec_bench(const char *table_name, prompt *prompts, int count)
{
  static table t;
  read_table("spec-bench", table_name, &t);
  const sb_sim_task *task = NULL;
  for (int i = 0; i < TASKS; i++)
    if (tasks[i].table && strcmp(tasks[i].table, table_name) == 0)
      task = &profile.tasks[sb_sim_profile_task(&profile, tasks[i].name)];
  assert_non_null(task);
  for (int i = 0; i < t.count; i++) {
    prompt *p = &prompts[count + i];
    p->prompt_tokens = t.prompt_tokens[i] + (int32_t)t.instruction;
    p->limit = p->prompt_tokens > 1280 ? 2048 - 256 - p->prompt_tokens : 512;
    p->task = task;
  }
  return count + t.count;
}

/* Fills the prompts of a task in the order in which the reference sent them. */
static int read_prompts(int task_index, prompt *prompts)
{
  static table t;
  const char *name = tasks[task_index].table;
  if (name && strcmp(name, "all") == 0) {
    read_table("spec-bench", name, &t);
    int count = 0;
    for (int part = 0; part < t.part_count; part++)
      count = add_spec_bench(t.parts[part].task, prompts, count);
    assert_int_equal(count, t.count);
    return count;
  }
  if (name)
    return add_spec_bench(name, prompts, 0);
  const sb_sim_task *task = &profile.tasks[sb_sim_profile_task(&profile, tasks[task_index].name)];
  read_table("sharegpt", "sharegpt", &t);
  for (int i = 0; i < t.order_count; i++) {
    int32_t row = t.order[i];
    prompts[i] =
        (prompt){ .prompt_tokens = t.prompt_tokens[row], .limit = t.answer_tokens[row], .task = task };
  }
  return t.order_count;
}

static void draw_lengths(prompt *prompts, int count, int draw)
{
  for (int i = 0; i < count; i++) {
    const sb_sim_task *task = prompts[i].task;
    uint64_t seed = (uint64_t)(i + 1000 * draw);
    prompts[i].length = task->output_mean * sb_sim_length_factor(task->output_spread, seed);
  }
}

static int64_t scaled_lengths(const prompt *prompts, int count, double scale, int32_t *lengths)
{
  int64_t total = 0;
  for (int i = 0; i < count; i++) {
    double tokens = round(scale * prompts[i].length);
    lengths[i] = tokens >= prompts[i].limit ? prompts[i].limit : tokens < 1.0 ? 1 : (int32_t)tokens;
    total += lengths[i];
  }
  return total;
}

/* Scales the natural lengths, cut at their limits, so that they sum to the published output tokens. */
static void fit_lengths(const prompt *prompts, int count, int64_t total, int32_t *lengths)
{
  double low = 0.0, high = 1e6;
  for (int i = 0; i < 100; i++) {
    double middle = 0.5 * (low + high);
    if (scaled_lengths(prompts, count, middle, lengths) < total)
      low = middle;
    else
      high = middle;
  }
  int64_t excess = scaled_lengths(prompts, count, high, lengths) - total;
  for (int i = 0; i < count && excess > 0; i++)
    if (lengths[i] > 1 && lengths[i] < prompts[i].limit) {
      lengths[i]--;
      excess--;
    }
  assert_int_equal(excess, 0);
}

/* A closed loop: as many requests in flight as the cell's concurrency; the next one leaves when one ends. */
typedef struct loop {
  sb_sim_engine *engine;
  const prompt *prompts;
  const int32_t *lengths;
  int count, sent, finished;
  int64_t last_ns;
  int64_t sent_ns[MAX_PROMPTS], first_ns[MAX_PROMPTS];
  double ttft_ms, tpot_ms; /* sums */
  int spoken;              /* answers of more than one token, which have a TPOT */
} loop;

static void send_next(loop *l, int64_t now)
{
  int i = l->sent++;
  sb_sim_request request = { .id = (uint64_t)i,
                             .prompt_tokens = l->prompts[i].prompt_tokens,
                             .output_tokens = l->lengths[i],
                             .seed = (uint64_t)i,
                             .task = (int32_t)(l->prompts[i].task - profile.tasks) };
  l->sent_ns[i] = now;
  assert_int_equal(sb_sim_engine_submit(l->engine, now, &request), SB_OK);
}

static void on_event(void *context, const sb_sim_event *event)
{
  loop *l = context;
  l->last_ns = event->due_ns;
  if (event->first) {
    l->first_ns[event->id] = event->due_ns;
    l->ttft_ms += (double)(event->due_ns - l->sent_ns[event->id]) / 1e6;
  }
  if (!event->last)
    return;
  if (l->lengths[event->id] > 1) {
    l->tpot_ms += (double)(event->due_ns - l->first_ns[event->id]) / 1e6 / (l->lengths[event->id] - 1);
    l->spoken++;
  }
  l->finished++;
  if (l->sent < l->count)
    send_next(l, event->due_ns);
}

/* Adds what the cell's run comes to. */
static void simulate(const prompt *prompts, const int32_t *lengths, const published *cell, double *figures)
{
  int count = (int)cell->num_prompts;
  sb_sim_config config = { .profile = &profile, .k = cell->k > 0 ? (int)cell->k : 0 };
  static loop l;
  l = (loop){ .engine = sb_sim_engine_new(&config), .prompts = prompts, .lengths = lengths, .count = count };
  assert_non_null(l.engine);
  while (l.sent < count && l.sent < cell->concurrency)
    send_next(&l, 0);
  int64_t next;
  while ((next = sb_sim_engine_next(l.engine)) != INT64_MAX)
    sb_sim_engine_advance(l.engine, next, on_event, &l);
  assert_int_equal(l.finished, count);
  sb_sim_counters counters;
  sb_sim_engine_counters(l.engine, &counters);
  int64_t tokens = 0;
  for (int i = 0; i < count; i++)
    tokens += lengths[i];
  assert_int_equal(counters.generation_tokens, tokens);
  sb_sim_engine_free(l.engine);
  figures[DURATION] += (double)l.last_ns / (double)SB_NS_PER_S;
  figures[TTFT] += l.ttft_ms / count;
  figures[TPOT] += l.tpot_ms / l.spoken;
}

static void read_row(sb_json *j, published *cell)
{
  sb_json_string_t key;
  sb_json_object(j);
  while (sb_json_key(j, &key))
    if (sb_json_is(&key, "NUM_SPEC_TOKENS"))
      sb_json_int(j, &cell->k);
    else if (sb_json_is(&key, "max_concurrency"))
      sb_json_int(j, &cell->concurrency);
    else if (sb_json_is(&key, "num_prompts"))
      sb_json_int(j, &cell->num_prompts);
    else if (sb_json_is(&key, "total_output_tokens"))
      sb_json_int(j, &cell->output_tokens);
    else if (sb_json_is(&key, "duration"))
      sb_json_double(j, &cell->figures[DURATION]);
    else if (sb_json_is(&key, "mean_ttft_ms"))
      sb_json_double(j, &cell->figures[TTFT]);
    else if (sb_json_is(&key, "mean_tpot_ms"))
      sb_json_double(j, &cell->figures[TPOT]);
    else
      sb_json_skip(j);
  assert_true(sb_json_done(j));
}

static int read_published(const char *data, const char *method, const char *task, published *cells)
{
  sb_strbuf path = { 0 }, text = { 0 };
  sb_strbuf_printf(&path, "%s/seed-results/round1/%s/Task_%s/Table_MaxConcurrency.jsonl", data, method, task);
  read_whole(path.data, &text);
  int count = 0;
  for (char *line = text.data, *end; line && *line; line = end ? end + 1 : NULL) {
    end = strchr(line, '\n');
    size_t size = end ? (size_t)(end - line) : strlen(line);
    if (size == 0)
      continue;
    assert_true(count < MAX_CELLS);
    sb_json j;
    sb_json_init(&j, line, size);
    read_row(&j, &cells[count]);
    count += cells[count].figures[DURATION] < STALLED_S;
  }
  sb_strbuf_deinit(&path);
  sb_strbuf_deinit(&text);
  return count;
}

static void mean_figures(prompt *prompts, const published *cell, int draws, double *figures)
{
  static int32_t lengths[MAX_PROMPTS];
  for (int f = 0; f < FIGURES; f++)
    figures[f] = 0.0;
  for (int draw = 0; draw < draws; draw++) {
    draw_lengths(prompts, (int)cell->num_prompts, draw);
    fit_lengths(prompts, (int)cell->num_prompts, cell->output_tokens, lengths);
    simulate(prompts, lengths, cell, figures);
  }
  for (int f = 0; f < FIGURES; f++)
    figures[f] /= draws;
}

typedef struct errors {
  double mean[FIGURES], worst[FIGURES]; /* of |error|, per cent */
  int cells;
} errors;

/* Prints every cell of a method and sums up how far the simulated figures are off. */
static errors compare(const char *data, const char *method, int draws)
{
  static prompt prompts[MAX_PROMPTS];
  published cells[MAX_CELLS];
  errors all = { 0 };
  printf("%-26s %2s %4s %10s %10s %7s %7s %7s\n", method, "k", "b", "published", "simulated", "error %",
         "TTFT %", "TPOT %");
  for (int t = 0; t < TASKS; t++) {
    int available = read_prompts(t, prompts), count = read_published(data, method, tasks[t].name, cells);
    for (int i = 0; i < count; i++, all.cells++) {
      double simulated[FIGURES], error[FIGURES];
      assert_true(cells[i].num_prompts <= available);
      mean_figures(prompts, &cells[i], draws, simulated);
      for (int f = 0; f < FIGURES; f++) {
        assert_true(cells[i].figures[f] > 0.0);
        error[f] = 100.0 * (simulated[f] / cells[i].figures[f] - 1.0);
        all.mean[f] += fabs(error[f]);
        all.worst[f] = fmax(all.worst[f], fabs(error[f]));
      }
      printf("%-26s %2d %4d %10.2f %10.2f %+7.2f %+7.2f %+7.2f\n", tasks[t].name, (int)cells[i].k,
             (int)cells[i].concurrency, cells[i].figures[DURATION], simulated[DURATION], error[DURATION],
             error[TTFT], error[TPOT]);
    }
  }
  for (int f = 0; f < FIGURES; f++) {
    all.mean[f] /= all.cells;
    printf("%s: %d cells, %s: mean |error| %.2f %%, worst %.2f %%\n", method, all.cells, figure_names[f],
           all.mean[f], all.worst[f]);
  }
  return all;
}

static void cells_without_speculation_come_near_the_published_ones(void **state)
{
  errors all = compare(*state, "vanilla", 16);
  assert_int_equal(all.cells, 64);
  assert_true(all.mean[DURATION] <= 3.0);
  assert_true(all.worst[DURATION] <= 8.0);
  assert_true(all.mean[TTFT] <=
              9.0); /* 17 % while a new request just missed the step that follows its arrival */
  assert_true(all.mean[TPOT] <= 3.5);
}

static void cells_with_a_draft_model_come_near_the_published_ones(void **state)
{
  errors all = compare(*state, "sps", 4);
  assert_int_equal(all.cells, 319);
  assert_true(all.mean[DURATION] <= 3.7);
  assert_true(all.worst[DURATION] <= 16.0);
  assert_true(all.mean[TTFT] <= 12.0); /* 17.6 % while a draft's prefill cost nothing of its own */
  assert_true(all.mean[TPOT] <= 4.5);
}

int main(void)
{
  char *data = getenv("SPECBENCH_TEST_DATA");
  if (!data) {
    puts("SKIP: SPECBENCH_TEST_DATA does not name the reference data's folder");
    return getenv("CI") ? 1 : 77;
  }
  sb_err err;
  if (sb_sim_profile_load(&profile, SB_SOURCE_DIR "/runtime/sim/profiles/qwen2.5-7b.json", NULL, &err) !=
      SB_OK) {
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_prestate(cells_without_speculation_come_near_the_published_ones, data),
    cmocka_unit_test_prestate(cells_with_a_draft_model_come_near_the_published_ones, data),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
