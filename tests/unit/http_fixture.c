#include "http_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"

enum { KEPT_HEADS = 256, PAUSE_MS = 30, AGAIN_MS = 5, BARRIER_SECONDS = 10 };

typedef struct connection {
  struct connection *next;
  http_fixture *server;
  pthread_t thread;
  int fd; /* -1 once closed */
} connection;

struct http_fixture {
  const char *const *answers;
  size_t count;
  int listener;
  char url[64];
  pthread_t thread;
  pthread_mutex_t lock; /* everything below */
  pthread_cond_t barrier;
  connection *connections;
  fixture_counts counts;
  char *heads[KEPT_HEADS];
  int at_once, barrier_size, at_barrier, barrier_round;
  bool stopping;
};

/* How an answer is being played. */
typedef struct player {
  connection *peer;
  const char *body;
  size_t body_size;
  bool dribble, chunked;
} player;

static bool send_all(const player *p, const char *data, size_t size)
{
  while (size) {
    ssize_t n = send(p->peer->fd, data, p->dribble ? 1 : size, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data += n;
    size -= (size_t)n;
  }
  return true;
}

static bool send_part(const player *p, const char *data, size_t size)
{
  if (!size || !p->chunked)
    return send_all(p, data, size);
  char head[32];
  int n = snprintf(head, sizeof head, "%zx\r\n", size);
  return send_all(p, head, (size_t)n) && send_all(p, data, size) && send_all(p, "\r\n", 2);
}

static void rest(int ms)
{
  nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

static void meet(http_fixture *server)
{
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += BARRIER_SECONDS;
  pthread_mutex_lock(&server->lock);
  int round = server->barrier_round;
  if (++server->at_barrier == server->barrier_size) {
    server->at_barrier = 0;
    server->barrier_round++;
    pthread_cond_broadcast(&server->barrier);
  }
  while (server->barrier_round == round && !server->stopping)
    if (pthread_cond_timedwait(&server->barrier, &server->lock, &until)) {
      server->at_barrier--;
      server->counts.lonely++;
      break;
    }
  pthread_mutex_unlock(&server->lock);
}

static void wait_for_the_client_to_go(int fd)
{
  char byte;
  while (recv(fd, &byte, 1, 0) > 0)
    continue;
}

/* Does what a mark says; false where the connection is over. */
static bool obey(player *p, char mark)
{
  const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
  if (mark == *PAUSE)
    rest(PAUSE_MS);
  else if (mark == *DRIBBLE)
    p->dribble = true;
  else if (mark == *CHUNKED)
    p->chunked = true;
  else if (mark == *BARRIER)
    meet(p->peer->server);
  else if (mark == *MIRROR)
    return send_part(p, p->body, p->body_size);
  else if (mark == *HANG)
    wait_for_the_client_to_go(p->peer->fd);
  else if (mark == *RESET)
    setsockopt(p->peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  return mark != *HANG && mark != *RESET && mark != *CLOSE;
}

/* All but the last chunk; false where the connection is over. */
static bool play(player *p, const char *answer)
{
  const char *again = NULL;
  for (;;) {
    size_t size = strcspn(answer, PAUSE CLOSE RESET HANG DRIBBLE CHUNKED BARRIER MIRROR AGAIN);
    if (!send_part(p, answer, size))
      return false;
    if (!answer[size] && !again)
      return true;
    if (!answer[size]) {
      rest(AGAIN_MS);
      answer = again;
      continue;
    }
    if (!obey(p, answer[size]))
      return false;
    answer += size + 1;
    if (answer[-1] == *AGAIN)
      again = answer;
  }
}

/* Reads until `in` holds a whole request; returns the size of its head, 0 where the client went. */
static size_t read_request(int fd, sb_strbuf *in, size_t *body_size)
{
  for (;;) {
    const char *end = in->data ? strstr(in->data, "\r\n\r\n") : NULL;
    if (end) {
      const char *length = strcasestr(in->data, "\r\nContent-Length:");
      size_t head_size = (size_t)(end - in->data) + 4;
      *body_size = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
      if (in->size >= head_size + *body_size)
        return head_size;
    }
    ssize_t n = recv(fd, sb_strbuf_reserve(in, 65536), 65536, 0);
    if (n <= 0)
      return 0;
    in->size += (size_t)n;
    in->data[in->size] = '\0';
  }
}

/* Counts the request and returns its answer. */
static const char *begin_answer(http_fixture *server, const char *request, size_t head_size)
{
  pthread_mutex_lock(&server->lock);
  int index = server->counts.requests++;
  if (index < KEPT_HEADS)
    server->heads[index] = strndup(request, head_size);
  if (++server->at_once > server->counts.most_at_once)
    server->counts.most_at_once = server->at_once;
  const char *answer = server->answers[(size_t)index < server->count ? (size_t)index : server->count - 1];
  pthread_mutex_unlock(&server->lock);
  return answer;
}

static void end_answer(http_fixture *server)
{
  pthread_mutex_lock(&server->lock);
  server->at_once--;
  pthread_mutex_unlock(&server->lock);
}

static void *serve(void *argument)
{
  connection *peer = argument;
  http_fixture *server = peer->server;
  sb_strbuf in = { 0 };
  size_t head_size, body_size;
  bool more = true;
  while (more && (head_size = read_request(peer->fd, &in, &body_size))) {
    player p = { .peer = peer, .body = in.data + head_size, .body_size = body_size };
    const char *answer = begin_answer(server, in.data, head_size);
    more = play(&p, answer);
    end_answer(server); /* before the last chunk: the client may send its next request upon that */
    if (more && p.chunked)
      more = send_all(&p, "0\r\n\r\n", 5);
    sb_strbuf_consume(&in, head_size + body_size);
  }
  pthread_mutex_lock(&server->lock);
  close(peer->fd);
  peer->fd = -1;
  server->counts.open--;
  pthread_mutex_unlock(&server->lock);
  sb_strbuf_deinit(&in);
  return NULL;
}

static void *accept_all(void *argument)
{
  http_fixture *server = argument;
  for (;;) {
    int fd = accept(server->listener, NULL, NULL);
    if (fd < 0)
      return NULL;
    connection *peer = sb_calloc(1, sizeof *peer);
    peer->server = server;
    peer->fd = fd;
    pthread_mutex_lock(&server->lock);
    peer->next = server->connections;
    server->connections = peer;
    server->counts.connections++;
    server->counts.open++;
    pthread_create(&peer->thread, NULL, serve, peer);
    pthread_mutex_unlock(&server->lock);
  }
}

http_fixture *http_fixture_start(size_t count, const char *const *answers)
{
  http_fixture *server = sb_calloc(1, sizeof *server);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  server->answers = answers;
  server->count = count;
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(server->listener, (struct sockaddr *)&address, size) || listen(server->listener, 1024) ||
      getsockname(server->listener, (struct sockaddr *)&address, &size))
    abort();
  snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/v1/completions", ntohs(address.sin_port));
  pthread_mutex_init(&server->lock, NULL);
  pthread_cond_init(&server->barrier, NULL);
  pthread_create(&server->thread, NULL, accept_all, server);
  return server;
}

void http_fixture_stop(http_fixture *server)
{
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->listener);
  pthread_mutex_lock(&server->lock);
  server->stopping = true;
  pthread_cond_broadcast(&server->barrier);
  for (connection *peer = server->connections; peer; peer = peer->next)
    if (peer->fd >= 0)
      shutdown(peer->fd, SHUT_RDWR);
  pthread_mutex_unlock(&server->lock);
  while (server->connections) {
    connection *peer = server->connections;
    server->connections = peer->next;
    pthread_join(peer->thread, NULL);
    free(peer);
  }
  for (int i = 0; i < KEPT_HEADS; i++)
    free(server->heads[i]);
  pthread_cond_destroy(&server->barrier);
  pthread_mutex_destroy(&server->lock);
  free(server);
}

void http_fixture_barrier(http_fixture *server, int count)
{
  server->barrier_size = count;
}

const char *http_fixture_url(const http_fixture *server)
{
  return server->url;
}

fixture_counts http_fixture_counts(http_fixture *server)
{
  pthread_mutex_lock(&server->lock);
  fixture_counts counts = server->counts;
  pthread_mutex_unlock(&server->lock);
  return counts;
}

const char *http_fixture_head(http_fixture *server, int i)
{
  pthread_mutex_lock(&server->lock);
  const char *head = server->heads[i];
  pthread_mutex_unlock(&server->lock);
  return head;
}
