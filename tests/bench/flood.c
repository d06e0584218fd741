/* A server that is never the limit: it answers from as many cores as the machine has, a thread a connection, so
 * that a client on several threads can be seen to scale. Every answer is the same word, as often as the request's
 * max_tokens says, an event and an HTTP chunk each, BATCH of them a write, as fast as the client takes them.
 * It checks nothing and knows no times.
 *
 *   flood --port PORT
 *
 * Anything but a POST is answered with "{}", so that it can be asked whether it is up. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"

enum { BATCH = 16, READ_BYTES = 64 * 1024, STACK_BYTES = 256 * 1024 };

#define EVENT                                                                                       \
  "data: {\"id\":\"flood\",\"object\":\"chat.completion.chunk\",\"model\":\"flood\",\"choices\":[{" \
  "\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n"
#define END                                                                                         \
  "data: {\"id\":\"flood\",\"object\":\"chat.completion.chunk\",\"model\":\"flood\",\"choices\":[{" \
  "\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n"

static const char head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char up[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
static sb_strbuf batch, end; /* framed; written before the first thread starts */

static void die(const char *what)
{
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void frame(sb_strbuf *out, const char *text)
{
  sb_strbuf_printf(out, "%zx\r\n%s\r\n", strlen(text), text);
}

static bool send_all(int fd, const char *data, size_t size)
{
  while (size) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data += n;
    size -= (size_t)n;
  }
  return true;
}

static bool answer(int fd, const char *request)
{
  if (strncmp(request, "POST ", 5) != 0)
    return send_all(fd, up, sizeof up - 1);
  const char *limit = strstr(request, "\"max_tokens\":");
  size_t tokens = limit ? strtoul(limit + 13, NULL, 10) : 1, event = batch.size / BATCH;
  if (!send_all(fd, head, sizeof head - 1))
    return false;
  for (size_t left = tokens; left;) {
    size_t now = left < BATCH ? left : BATCH;
    if (!send_all(fd, batch.data, now * event))
      return false;
    left -= now;
  }
  return send_all(fd, end.data, end.size);
}

/* A whole request, zero-terminated; its size, 0 where the client went. */
static size_t read_request(int fd, sb_strbuf *in)
{
  for (;;) {
    const char *blank = in->size ? strstr(in->data, "\r\n\r\n") : NULL;
    if (blank) {
      const char *length = strcasestr(in->data, "\r\nContent-Length:");
      size_t size = (size_t)(blank - in->data) + 4;
      size += length && length < blank ? strtoul(length + 17, NULL, 10) : 0;
      if (in->size >= size)
        return size;
    }
    ssize_t n = recv(fd, sb_strbuf_reserve(in, READ_BYTES), READ_BYTES, 0);
    if (n <= 0)
      return 0;
    in->size += (size_t)n;
    in->data[in->size] = '\0';
  }
}

static void *serve(void *argument)
{
  int fd = *(int *)argument;
  free(argument);
  sb_strbuf in = { 0 };
  size_t size;
  while ((size = read_request(fd, &in)) && answer(fd, in.data))
    sb_strbuf_consume(&in, size);
  sb_strbuf_deinit(&in);
  close(fd);
  return NULL;
}

int main(int argc, char **argv)
{
  if (argc != 3 || strcmp(argv[1], "--port") != 0) {
    fprintf(stderr, "usage: flood --port PORT\n");
    return 2;
  }
  for (int i = 0; i < BATCH; i++)
    frame(&batch, EVENT);
  frame(&end, END);
  sb_strbuf_puts(&end, "0\r\n\r\n");
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)) };
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
    die("cannot listen");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int *fd = sb_alloc(sizeof *fd);
    *fd = accept(listener, NULL, NULL);
    if (*fd < 0)
      die("cannot accept");
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    errno = pthread_create(&thread, &attributes, serve, fd);
    if (errno)
      die("no thread to be had");
  }
}
