#include "net/multi.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/strbuf.h"

struct sb_multi {
  sb_loop *loop;
  sb_handles *handles;
  sb_multi_end_fn on_end;
  CURLM *handle;     /* NULL once closed */
  uv_timer_t timer;  /* libcurl's timeout */
  sb_deferred later; /* its timeout of 0; or transfers may have ended */
  int running;       /* transfers that have not ended */
};

/* A socket that libcurl waits for. What is watched is a descriptor of our own: of a socket whose connection does not
 * come about (a cancelled dial's, the slower address family's) libcurl 7.88 to 8.4 tells only once it is closed, and
 * not to CURLOPT_CLOSESOCKETFUNCTION either; its number may be another thread's descriptor by then. */
typedef struct poll_context {
  uv_poll_t poll;
  int watched;         /* below 0: it cannot be */
  sb_handles *handles; /* the multi handle may be gone when it is closed */
  sb_multi *multi;
  CURL *easy;
  curl_socket_t socket;
  sb_deferred failed;
  int cause;
} poll_context;

static void on_timer_closed(uv_handle_t *handle)
{
  sb_multi *m = handle->data;
  sb_handles *handles = m->handles;
  free(m);
  sb_handles_drop(handles);
}

static void on_poll_closed(uv_handle_t *handle)
{
  poll_context *context = handle->data;
  sb_handles *handles = context->handles;
  free(context);
  sb_handles_drop(handles);
}

/* Reports every transfer that has ended. Never called from inside one of libcurl's callbacks. */
static void collect(sb_multi *m)
{
  CURLMsg *message;
  int left;
  while (m->handle && (message = curl_multi_info_read(m->handle, &left))) {
    if (message->msg != CURLMSG_DONE)
      continue;
    m->running--;
    m->on_end(message->easy_handle, message->data.result, 0);
  }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  poll_context *context = poll->data;
  sb_multi *m = context->multi;
  int flags = (status < 0 ? CURL_CSELECT_ERR : 0) | (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
              (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
  int running;
  curl_multi_socket_action(m->handle, context->socket, flags, &running);
  collect(m);
}

static void on_timer(uv_timer_t *timer);

/* libcurl's wish for a timeout; below 0: none. It must not be called back from inside its own callback, so even 0
 * goes through the loop. */
static void wait_for(sb_multi *m, long timeout_ms)
{
  uv_timer_stop(&m->timer);
  if (timeout_ms == 0)
    sb_loop_defer(m->loop, &m->later);
  else if (timeout_ms > 0)
    uv_timer_start(&m->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static void time_out(sb_multi *m)
{
  long wait_ms = -1;
  int running;
  curl_multi_socket_action(m->handle, CURL_SOCKET_TIMEOUT, 0, &running);
  curl_multi_timeout(m->handle, &wait_ms); /* it does not repeat a wish that it uttered before */
  wait_for(m, wait_ms);
  collect(m);
}

static void on_timer(uv_timer_t *timer)
{
  time_out(timer->data);
}

static void on_later(sb_deferred *self)
{
  time_out((sb_multi *)((char *)self - offsetof(sb_multi, later)));
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
  (void)multi;
  sb_multi *m = user;
  if (m->handle)
    wait_for(m, timeout_ms);
  return 0;
}

/* libcurl itself would end all transfers for a socket that cannot be waited for. */
static void on_failed(sb_deferred *self)
{
  poll_context *context = (poll_context *)((char *)self - offsetof(poll_context, failed));
  sb_multi *m = context->multi;
  m->running--;
  m->on_end(context->easy, CURLE_COULDNT_CONNECT, context->cause);
}

static poll_context *watch(sb_multi *m, CURL *easy, curl_socket_t socket)
{
  poll_context *context = sb_calloc(1, sizeof *context);
  context->handles = m->handles;
  context->multi = m;
  context->easy = easy;
  context->socket = socket;
  context->watched = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  int error = context->watched < 0
                  ? -errno
                  : uv_poll_init_socket(sb_loop_uv(m->loop), &context->poll, context->watched);
  if (error) {
    if (context->watched >= 0)
      close(context->watched);
    context->watched = -1;
    context->cause = -error;
    context->failed.run = on_failed;
    sb_loop_defer(m->loop, &context->failed);
    return context;
  }
  context->poll.data = context;
  sb_handles_add(m->handles);
  return context;
}

static void unwatch(poll_context *context)
{
  if (context->watched < 0) {
    sb_loop_undefer(context->multi->loop, &context->failed);
    free(context);
    return;
  }
  uv_close((uv_handle_t *)&context->poll, on_poll_closed);
  close(context->watched);
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *socket_user)
{
  sb_multi *m = user;
  poll_context *context = socket_user;
  if (what == CURL_POLL_REMOVE) {
    if (context) {
      if (m->handle)
        curl_multi_assign(m->handle, socket, NULL);
      unwatch(context);
    }
    return 0;
  }
  if (!context) {
    context = watch(m, easy, socket);
    curl_multi_assign(m->handle, socket, context);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  if (context->watched >= 0)
    uv_poll_start(&context->poll, events, on_poll);
  return 0;
}

sb_multi *sb_multi_open(sb_loop *loop, sb_handles *handles, sb_multi_end_fn on_end)
{
  CURLM *multi = curl_multi_init();
  if (!multi)
    return NULL;
  sb_multi *m = sb_calloc(1, sizeof *m);
  m->loop = loop;
  m->handles = handles;
  m->on_end = on_end;
  m->handle = multi;
  uv_timer_init(sb_loop_uv(loop), &m->timer);
  m->later.run = on_later;
  m->timer.data = m;
  sb_handles_add(handles);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, m);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, m);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 65536L);
  return m;
}

void sb_multi_close(sb_multi *m)
{
  CURLM *multi = m->handle;
  m->handle = NULL;
  sb_loop_undefer(m->loop, &m->later);
  curl_multi_cleanup(multi);
  uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

/* What has ended already is reported from the loop's next turn. */
CURLMcode sb_multi_add(sb_multi *m, CURL *easy)
{
  CURLMcode code = curl_multi_add_handle(m->handle, easy);
  if (code != CURLM_OK)
    return code;
  int running = 0;
  m->running++;
  curl_multi_socket_action(m->handle, CURL_SOCKET_TIMEOUT, 0, &running);
  if (running < m->running)
    sb_loop_defer(m->loop, &m->later);
  return code;
}

void sb_multi_remove(sb_multi *m, CURL *easy, bool running)
{
  m->running -= running;
  curl_multi_remove_handle(m->handle, easy); /* closes the connection */
}
