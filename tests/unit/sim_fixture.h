#ifndef SIM_FIXTURE_H
#define SIM_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"

/* A simulated server in a child process, and a client of bare sockets. cmocka's headers must be included
 * before this one. */

enum { GIVE_UP_S = 120 }; /* far beyond any slow machine: reached only when something hangs */

typedef struct sim {
  pid_t pid;
  int port;
  char directory[256], profile[288], truth[288];
} sim;

/* Starts `sim --profile (the tests' own) --truth FILE ARGS...` and waits for its line. args ends with NULL;
 * SIM_START takes at least one. */
void sim_start(sim *s, const char *const *args);
#define SIM_START(s, ...) sim_start((s), (const char *const[]){ __VA_ARGS__, NULL })

/* Ends it with SIGTERM, which must give exit status 0; the truth log remains until sim_forget. */
void sim_stop(sim *s);
int sim_wait(sim *s); /* exit status of a server that ends by itself */
void sim_forget(sim *s);

/* The truth log's lines. Waits until it has so many (a line is written after its answer went out). */
void sim_truth(const sim *s, int lines, sb_strbuf *out);

typedef struct reply {
  int status;
  sb_strbuf head, body;
  bool complete; /* the body ended as its framing says */
  bool chunked;
} reply;

int sim_connect(const sim *s);
void send_text(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One request with a body (headers: complete lines or ""). */
void send_post(int fd, const char *path, const char *headers, const char *body);

/* Reads one response; what was in `r` is freed. `rest` keeps bytes read beyond it; NULL: none may come. */
void read_reply(int fd, reply *r, sb_strbuf *rest);
void reply_free(reply *r);

/* A whole exchange on a connection of its own. */
void sim_get(const sim *s, const char *path, reply *r);
void sim_post(const sim *s, const char *path, const char *headers, const char *body, reply *r);

/* How often `text` stands in `in`; the number behind its n-th occurrence, from 0 (fails if there is none). */
int count_of(const char *in, const char *text);
int64_t number_after(const char *in, const char *text, int n);

/* Joins the values of every "content" or "text" member of a stream or of an answer. */
void answer_text(const char *body, const char *member, sb_strbuf *out);

#endif
