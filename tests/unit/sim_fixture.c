#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/main.h"

static const char profile_text[] =
    "{\"name\": \"tiny\", \"source\": \"made for the tests\", \"default_method\": \"draft\","
    " \"limits\": {\"max_num_seqs\": 64, \"max_model_len\": 32768, \"max_num_batched_tokens\": 32768,"
    " \"chunked_prefill_tokens\": 2048,"
    " \"kv_capacity_tokens\": 900000},"
    " \"plain\": {\"alpha\": 10, \"gamma\": 0.1, \"prefill_base\": 10, \"prefill_token\": 0.01,"
    " \"prefill_request\": 1, \"request_overhead\": 1},"
    " \"host\": {\"step\": 4, \"assumed\": true},"
    " \"output\": {\"default\": {\"mean\": 40, \"spread\": 0.5}, \"exact\": {\"mean\": 17, \"spread\": 0}},"
    " \"methods\": {\"draft\": {\"cost\": {\"alpha\": 12, \"beta\": 1},"
    " \"acceptance\": {\"default\": {\"conditional\": [0.7]}}}}}";

static void write_file(const char *path, const char *text)
{
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void run_child(sim *s, const char *const *args, int out)
{
  char *argv[40] = { (char *)"sim", (char *)"--profile", s->profile, (char *)"--truth", s->truth };
  int argc = 5;
  for (; *args; args++)
    argv[argc++] = (char *)*args;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(out, STDOUT_FILENO);
  exit(sb_sim_main(argc, argv, NULL));
}

void sim_start(sim *s, const char *const *args)
{
  *s = (sim){ 0 };
  const char *folder = getenv("TMPDIR");
  snprintf(s->directory, sizeof s->directory, "%s/specbench-test-XXXXXX", folder ? folder : P_tmpdir);
  assert_non_null(mkdtemp(s->directory));
  snprintf(s->profile, sizeof s->profile, "%s/tiny.json", s->directory);
  snprintf(s->truth, sizeof s->truth, "%s/truth.jsonl", s->directory);
  write_file(s->profile, profile_text);
  int ends[2];
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  fflush(NULL);
  s->pid = fork();
  assert_true(s->pid >= 0);
  if (s->pid == 0)
    run_child(s, args, ends[1]);
  close(ends[1]);
  FILE *out = fdopen(ends[0], "r");
  char line[256];
  if (!fgets(line, sizeof line, out))
    fail_msg("the server ended without its line");
  assert_int_equal(sscanf(line, "specbench sim: listening on http://127.0.0.1:%d (profile tiny,", &s->port),
                   1);
  fclose(out);
}

int sim_wait(sim *s)
{
  int status = 0;
  assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
  s->pid = 0;
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

void sim_stop(sim *s)
{
  kill(s->pid, SIGTERM);
  assert_int_equal(sim_wait(s), 0);
}

void sim_forget(sim *s)
{
  unlink(s->profile);
  unlink(s->truth);
  assert_int_equal(rmdir(s->directory), 0);
}

void sim_truth(const sim *s, int lines, sb_strbuf *out)
{
  for (int tries = 0; tries < GIVE_UP_S * 100; tries++) {
    sb_strbuf_clear(out);
    FILE *file = fopen(s->truth, "r");
    char part[4096];
    for (size_t n; file && (n = fread(part, 1, sizeof part, file)) > 0;)
      sb_strbuf_append(out, part, n);
    if (file)
      fclose(file);
    if (out->data && count_of(out->data, "\n") >= lines)
      return;
    usleep(10000);
  }
  fail_msg("the truth log never got %d lines", lines);
}

int sim_connect(const sim *s)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct timeval limit = { .tv_sec = GIVE_UP_S };
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

void send_text(int fd, const char *format, ...)
{
  char *text;
  va_list args;
  va_start(args, format);
  int size = vasprintf(&text, format, args);
  va_end(args);
  assert_true(size >= 0);
  assert_int_equal(send(fd, text, (size_t)size, MSG_NOSIGNAL), size);
  free(text);
}

void send_post(int fd, const char *path, const char *headers, const char *body)
{
  send_text(fd, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s", path, headers, strlen(body),
            body);
}

/* More bytes behind `in`; false at the end of the connection. */
static bool more(int fd, sb_strbuf *in)
{
  char part[16384];
  ssize_t n = recv(fd, part, sizeof part, 0);
  if (n > 0)
    sb_strbuf_append(in, part, (size_t)n);
  return n > 0;
}

static bool take(int fd, sb_strbuf *in, size_t size, sb_strbuf *to)
{
  while (in->size < size)
    if (!more(fd, in))
      break;
  size_t n = in->size < size ? in->size : size;
  sb_strbuf_append(to, in->data, n);
  sb_strbuf_consume(in, n);
  return n == size;
}

static bool take_line(int fd, sb_strbuf *in, sb_strbuf *line)
{
  char *end;
  sb_strbuf_clear(line);
  while (!in->data || !(end = strstr(in->data, "\r\n")))
    if (!more(fd, in))
      return false;
  return take(fd, in, (size_t)(end - in->data) + 2, line);
}

static bool take_chunks(int fd, sb_strbuf *in, sb_strbuf *body)
{
  sb_strbuf line = { 0 };
  bool whole = false;
  while (take_line(fd, in, &line)) {
    size_t size = strtoul(line.data, NULL, 16);
    if (size == 0)
      whole = take_line(fd, in, &line) && line.size == 2;
    if (size == 0 || !take(fd, in, size, body) || !take_line(fd, in, &line) || line.size != 2)
      break;
  }
  sb_strbuf_deinit(&line);
  return whole;
}

void read_reply(int fd, reply *r, sb_strbuf *rest)
{
  sb_strbuf own = { 0 }, line = { 0 };
  sb_strbuf *in = rest ? rest : &own;
  reply_free(r);
  while (take_line(fd, in, &line) && line.size > 2)
    sb_strbuf_append(&r->head, line.data, line.size);
  sb_strbuf_deinit(&line);
  if (r->head.size) {
    r->status = atoi(r->head.data + strlen("HTTP/1.1 "));
    const char *length = strstr(r->head.data, "content-length: ");
    r->chunked = strstr(r->head.data, "transfer-encoding: chunked");
    r->complete = r->chunked ? take_chunks(fd, in, &r->body)
                             : length && take(fd, in, strtoul(length + 16, NULL, 10), &r->body);
  }
  sb_strbuf_append(&r->body, "", 0);
  assert_int_equal(own.size, 0);
  sb_strbuf_deinit(&own);
}

void reply_free(reply *r)
{
  sb_strbuf_deinit(&r->head);
  sb_strbuf_deinit(&r->body);
  *r = (reply){ 0 };
}

void sim_get(const sim *s, const char *path, reply *r)
{
  int fd = sim_connect(s);
  send_text(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
  read_reply(fd, r, NULL);
  close(fd);
}

void sim_post(const sim *s, const char *path, const char *headers, const char *body, reply *r)
{
  int fd = sim_connect(s);
  send_post(fd, path, headers, body);
  read_reply(fd, r, NULL);
  close(fd);
}

int count_of(const char *in, const char *text)
{
  int count = 0;
  for (; (in = strstr(in, text)); in += strlen(text))
    count++;
  return count;
}

int64_t number_after(const char *in, const char *text, int n)
{
  const char *at = in;
  for (int i = 0; (at = strstr(at, text)); i++) {
    at += strlen(text);
    if (i == n)
      return strtoll(at, NULL, 10);
  }
  fail_msg("'%s' does not stand %d times in: %.2000s", text, n + 1, in);
  return 0;
}

void answer_text(const char *body, const char *member, sb_strbuf *out)
{
  char quoted[32];
  snprintf(quoted, sizeof quoted, "\"%s\":\"", member);
  sb_strbuf_clear(out);
  for (const char *at = body; (at = strstr(at, quoted));) {
    at += strlen(quoted);
    sb_strbuf_append(out, at, strcspn(at, "\""));
  }
}
