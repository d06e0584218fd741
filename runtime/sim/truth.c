#include "sim/truth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_write.h"
#include "base/log.h"
#include "base/write.h"

typedef struct ended {
  sb_sim_truth_record record;
  sb_sim_counters counters;
} ended;

struct sb_sim_truth {
  sb_loop *loop;
  sb_deferred pending;
  int fd;
  bool failed; /* an error was reported: nothing more is written */
  ended *queue;
  size_t count, capacity;
  sb_strbuf text;
};

static void on_pending(sb_deferred *self)
{
  sb_sim_truth_write((sb_sim_truth *)((char *)self - offsetof(sb_sim_truth, pending)));
}

sb_sim_truth *sb_sim_truth_open(sb_loop *loop, const char *path, sb_err *err)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    sb_err_sys(err, errno, "cannot write the truth log '%s'", path);
    return NULL;
  }
  sb_sim_truth *truth = sb_calloc(1, sizeof *truth);
  truth->loop = loop;
  truth->pending.run = on_pending;
  truth->fd = fd;
  return truth;
}

void sb_sim_truth_close(sb_sim_truth *truth)
{
  if (!truth)
    return;
  sb_sim_truth_write(truth);
  sb_loop_undefer(truth->loop, &truth->pending);
  close(truth->fd);
  free(truth->queue);
  sb_strbuf_deinit(&truth->text);
  free(truth);
}

void sb_sim_truth_chunk_add(sb_sim_truth_record *record, int64_t due_ns, int32_t tokens)
{
  sb_grow(record->chunks, record->count, record->capacity, 128);
  record->chunks[record->count++] = (sb_sim_truth_chunk){ .due_ns = due_ns, .tokens = tokens };
}

void sb_sim_truth_written(sb_sim_truth_record *record, int64_t now)
{
  for (size_t i = record->count; i > 0 && record->chunks[i - 1].written_ns == 0; i--)
    record->chunks[i - 1].written_ns = now;
}

void sb_sim_truth_add(sb_sim_truth *truth, sb_sim_truth_record *record, const sb_sim_counters *counters)
{
  if (!truth) {
    free(record->chunks);
    return;
  }
  sb_grow(truth->queue, truth->count, truth->capacity, 64);
  truth->queue[truth->count++] = (ended){ *record, *counters };
  sb_loop_defer(truth->loop, &truth->pending);
}

static void put_field(sb_strbuf *out, const char *name, int64_t value)
{
  sb_strbuf_puts(out, ", \"");
  sb_strbuf_puts(out, name);
  sb_strbuf_puts(out, "\": ");
  sb_json_put_int(out, value);
}

static void put_line(sb_strbuf *out, const ended *e)
{
  const sb_sim_truth_record *r = &e->record;
  const sb_sim_counters *c = &e->counters;
  sb_strbuf_puts(out, "{\"request_id\": ");
  sb_json_put_string(out, r->request_id, strlen(r->request_id));
  put_field(out, "t_recv_ns", r->t_recv_ns);
  put_field(out, "t_end_ns", r->t_end_ns);
  put_field(out, "status", r->status);
  sb_strbuf_puts(out, ", \"end\": ");
  sb_json_put_string(out, r->end, strlen(r->end));
  put_field(out, "prompt_tokens", r->prompt_tokens);
  put_field(out, "output_tokens", r->output_tokens);
  sb_strbuf_puts(out, ", \"chunks\": [");
  for (size_t i = 0; i < r->count; i++) {
    sb_strbuf_puts(out, i ? ", [" : "[");
    sb_json_put_int(out, r->chunks[i].due_ns);
    sb_strbuf_puts(out, ", ");
    sb_json_put_int(out, r->chunks[i].written_ns);
    sb_strbuf_puts(out, ", ");
    sb_json_put_int(out, r->chunks[i].tokens);
    sb_strbuf_putc(out, ']');
  }
  sb_strbuf_puts(out, "], \"counters\": {\"steps\": ");
  sb_json_put_int(out, c->steps);
  put_field(out, "drafts", c->drafts);
  put_field(out, "draft_tokens", c->draft_tokens);
  put_field(out, "accepted_tokens", c->accepted_tokens);
  put_field(out, "prompt_tokens", c->prompt_tokens);
  put_field(out, "generation_tokens", c->generation_tokens);
  sb_strbuf_puts(out, "}}\n");
}

void sb_sim_truth_write(sb_sim_truth *truth)
{
  if (!truth || truth->count == 0)
    return;
  sb_strbuf_clear(&truth->text);
  for (size_t i = 0; i < truth->count; i++) {
    put_line(&truth->text, &truth->queue[i]);
    free(truth->queue[i].record.chunks);
  }
  truth->count = 0;
  if (truth->failed || sb_write_all(truth->fd, truth->text.data, truth->text.size))
    return;
  truth->failed = true;
  sb_log(SB_LOG_ERROR, "the truth log cannot be written: %s; it ends here", strerror(errno));
}
