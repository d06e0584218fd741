#include "net/dial.h"

#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/handles.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "net/proxy.h"

/* Easy handles kept for the next dial, and libcurl's smallest buffers: no body passes through them. */
enum { KEPT_HANDLES = 16, BUFFER = 1024, UPLOAD_BUFFER = 16 * 1024 };

/* A multi handle on the loop. All plain dials share one. A dial that libcurl goes on translating has one of
 * its own: libcurl looks for dead connections whenever it makes one, and takes a connection in our hands
 * whose bytes wait to be read, or that is two minutes old, for dead. */
typedef struct sb_multi {
  sb_dialer *dialer;
  CURLM *handle;     /* NULL once closed */
  uv_timer_t timer;  /* libcurl's timeout */
  sb_deferred later; /* its timeout of 0; or dials may have ended */
  int running;       /* dials that have not ended */
} sb_multi;

struct sb_dialer {
  sb_loop *loop;
  sb_multi *shared;
  CURLSH *share; /* names and TLS sessions, for all multi handles */
  SLIST_HEAD(, sb_dial) kept;
  int kept_count;
  sb_handles handles;   /* of all multi handles */
  curl_socket_t taking; /* the socket that libcurl must not close */
  sb_strbuf no_proxy;
};

struct sb_dial {
  sb_multi *multi;
  CURL *easy;
  SLIST_ENTRY(sb_dial) link; /* of the kept ones */
  bool ended;                /* on_end was called */
  sb_dial_end_fn on_end;
  void *context;
  char error[CURL_ERROR_SIZE];
  int socket_errno; /* why the last socket could not be opened */
};

typedef struct poll_context {
  uv_poll_t poll;
  sb_dialer *dialer;
  sb_multi *multi;
  curl_socket_t socket;
} poll_context;

static void on_timer_closed(uv_handle_t *handle)
{
  sb_multi *m = handle->data;
  sb_dialer *dialer = m->dialer;
  free(m);
  sb_handles_drop(&dialer->handles);
}

static void on_poll_closed(uv_handle_t *handle)
{
  poll_context *context = handle->data;
  sb_dialer *dialer = context->dialer; /* the multi handle may be gone by now */
  free(context);
  sb_handles_drop(&dialer->handles);
}

/* libcurl tells a socket that it could not open like a server that is not there, and a file that it could not read
 * to resolve a name like a name that is not known. */
static const char *describe(const sb_dial *dial, CURLcode code)
{
  int cause = dial->socket_errno, probe;
  if (code == CURLE_COULDNT_RESOLVE_HOST) {
    probe = dup(STDERR_FILENO);
    cause = probe < 0 ? errno : 0;
    if (probe >= 0)
      close(probe);
  }
  if (cause == EMFILE)
    return "no file descriptor is left: this process has as many open as it may (ulimit -n)";
  if (cause == ENFILE)
    return "no file descriptor is left on this machine (fs.file-max)";
  return dial->error[0] ? dial->error : curl_easy_strerror(code);
}

/* Reports every dial that has ended. Never called from inside one of libcurl's callbacks. */
static void collect(sb_multi *m)
{
  CURLMsg *message;
  int left;
  while (m->handle && (message = curl_multi_info_read(m->handle, &left))) {
    if (message->msg != CURLMSG_DONE)
      continue;
    sb_dial *dial;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&dial);
    CURLcode code = message->data.result;
    dial->ended = true;
    m->running--;
    dial->on_end(dial->context, code == CURLE_OK ? NULL : describe(dial, code));
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
    sb_loop_defer(m->dialer->loop, &m->later);
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

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *socket_user)
{
  (void)easy;
  sb_multi *m = user;
  poll_context *context = socket_user;
  if (what == CURL_POLL_REMOVE) {
    if (context) {
      if (m->handle)
        curl_multi_assign(m->handle, socket, NULL);
      uv_close((uv_handle_t *)&context->poll, on_poll_closed);
    }
    return 0;
  }
  if (!context) {
    context = sb_calloc(1, sizeof *context);
    context->dialer = m->dialer;
    context->multi = m;
    context->socket = socket;
    if (uv_poll_init_socket(sb_loop_uv(m->dialer->loop), &context->poll, socket)) {
      free(context);
      return -1;
    }
    context->poll.data = context;
    sb_handles_add(&m->dialer->handles);
    curl_multi_assign(m->handle, socket, context);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  uv_poll_start(&context->poll, events, on_poll);
  return 0;
}

static int on_close_socket(void *user, curl_socket_t socket)
{
  sb_dialer *dialer = user;
  return socket == dialer->taking ? 0 : close(socket);
}

static sb_multi *open_multi(sb_dialer *dialer)
{
  CURLM *multi = curl_multi_init();
  if (!multi)
    return NULL;
  sb_multi *m = sb_calloc(1, sizeof *m);
  m->dialer = dialer;
  m->handle = multi;
  uv_timer_init(sb_loop_uv(dialer->loop), &m->timer);
  m->later.run = on_later;
  m->timer.data = m;
  sb_handles_add(&dialer->handles);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, m);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, m);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 65536L);
  return m;
}

static void close_multi(sb_multi *m)
{
  CURLM *multi = m->handle;
  m->handle = NULL;
  sb_loop_undefer(m->dialer->loop, &m->later);
  curl_multi_cleanup(multi);
  uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

static CURLcode global;

static void init_global(void)
{
  global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

const char *sb_dialer_library(void)
{
  return curl_version();
}

static char *trusted; /* sb_dialer_trust's */

void sb_dialer_trust(const char *path)
{
  free(trusted);
  trusted = sb_strdup(path);
}

/* As OpenSSL's own programs have it; libcurl as it is packaged looks at neither variable. */
static void configure_trust(CURL *easy)
{
  const char *file = trusted ? trusted : getenv("SSL_CERT_FILE"),
             *folder = trusted ? NULL : getenv("SSL_CERT_DIR");
  if (file && *file)
    curl_easy_setopt(easy, CURLOPT_CAINFO, file);
  if (folder && *folder)
    curl_easy_setopt(easy, CURLOPT_CAPATH, folder);
}

sb_dialer *sb_dialer_new(sb_loop *loop, sb_err *err)
{
  static uv_once_t once = UV_ONCE_INIT; /* every loop has a dialer, and loops have threads */
  uv_once(&once, init_global);
  if (global != CURLE_OK) {
    sb_err_set(err, SB_EIO, "libcurl cannot be initialised: %s", curl_easy_strerror(global));
    return NULL;
  }
  sb_dialer *dialer = sb_calloc(1, sizeof *dialer);
  dialer->loop = loop;
  dialer->taking = CURL_SOCKET_BAD;
  dialer->handles = sb_handles_of(dialer, 0, free);
  dialer->share = curl_share_init();
  dialer->shared = dialer->share ? open_multi(dialer) : NULL;
  if (!dialer->shared) {
    curl_share_cleanup(dialer->share);
    free(dialer);
    sb_err_set(err, SB_ENOMEM, "libcurl has no multi handle");
    return NULL;
  }
  curl_share_setopt(dialer->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(dialer->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  sb_proxy_exceptions(&dialer->no_proxy);
  return dialer;
}

void sb_dialer_free(sb_dialer *dialer)
{
  if (!dialer)
    return;
  sb_dial *dial;
  while ((dial = SLIST_FIRST(&dialer->kept))) {
    SLIST_REMOVE_HEAD(&dialer->kept, link);
    curl_easy_cleanup(dial->easy);
    free(dial);
  }
  close_multi(dialer->shared);
  curl_share_cleanup(dialer->share);
  sb_strbuf_deinit(&dialer->no_proxy);
  sb_handles_drop(&dialer->handles);
}

bool sb_dialer_is_plain(const char *origin)
{
  static const char scheme[] = "http://";
  size_t size = sizeof scheme - 1;
  return !strncmp(origin, scheme, size) && !sb_proxy_may_be_used(origin + size);
}

static sb_dial *take_dial(sb_dialer *dialer)
{
  sb_dial *dial = SLIST_FIRST(&dialer->kept);
  if (dial) {
    SLIST_REMOVE_HEAD(&dialer->kept, link);
    dialer->kept_count--;
    CURL *easy = dial->easy;
    curl_easy_reset(easy);
    *dial = (sb_dial){ .easy = easy };
    return dial;
  }
  CURL *easy = curl_easy_init();
  if (!easy)
    return NULL;
  dial = sb_calloc(1, sizeof *dial);
  dial->easy = easy;
  return dial;
}

void sb_dial_close(sb_dial *dial)
{
  sb_multi *m = dial->multi;
  sb_dialer *dialer = m->dialer;
  if (!dial->ended)
    m->running--;
  curl_multi_remove_handle(m->handle, dial->easy); /* closes the connection */
  if (m != dialer->shared)
    close_multi(m);
  if (dialer->kept_count == KEPT_HANDLES) {
    curl_easy_cleanup(dial->easy);
    free(dial);
    return;
  }
  SLIST_INSERT_HEAD(&dialer->kept, dial, link);
  dialer->kept_count++;
}

static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
  sb_dial *dial = context;
  (void)purpose;
  curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  dial->socket_errno = fd == CURL_SOCKET_BAD ? errno : 0;
  return fd;
}

static CURLcode configure(sb_dial *dial, const char *origin)
{
  CURL *easy = dial->easy;
  sb_dialer *dialer = dial->multi->dialer;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, dial);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, dial->error);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, dialer->no_proxy.data);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_SHARE, dialer->share);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, dial);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, dialer);
  configure_trust(easy);
  return curl_easy_setopt(easy, CURLOPT_URL, origin);
}

/* Connects at once instead of in the loop's next turn. What has ended already is reported from there. */
static void kick(sb_multi *m)
{
  int running = 0;
  curl_multi_socket_action(m->handle, CURL_SOCKET_TIMEOUT, 0, &running);
  if (running < m->running)
    sb_loop_defer(m->dialer->loop, &m->later);
}

sb_dial *sb_dial_start(sb_dialer *dialer, const char *origin, sb_dial_end_fn on_end, void *context,
                       sb_err *err)
{
  sb_dial *dial = take_dial(dialer);
  sb_multi *m = sb_dialer_is_plain(origin) ? dialer->shared : open_multi(dialer);
  if (!dial || !m) {
    sb_err_set(err, SB_ENOMEM, "libcurl has no handle");
    if (dial) {
      curl_easy_cleanup(dial->easy);
      free(dial);
    }
    if (m && m != dialer->shared)
      close_multi(m);
    return NULL;
  }
  sb_log(SB_LOG_DEBUG, "dial %s", origin);
  dial->multi = m;
  dial->on_end = on_end;
  dial->context = context;
  m->running++;
  CURLcode code = configure(dial, origin);
  CURLMcode added = code == CURLE_OK ? curl_multi_add_handle(m->handle, dial->easy) : CURLM_OK;
  if (code == CURLE_OK && added == CURLM_OK) {
    kick(m);
    return dial;
  }
  sb_err_set(err, SB_EINVAL, "no connection to %.150s: %s", origin,
             code == CURLE_OK ? curl_multi_strerror(added) : curl_easy_strerror(code));
  sb_dial_close(dial);
  return NULL;
}

int sb_dial_socket(const sb_dial *dial)
{
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(dial->easy, CURLINFO_ACTIVESOCKET, &socket);
  return socket;
}

int sb_dial_take_socket(sb_dial *dial)
{
  sb_dialer *dialer = dial->multi->dialer;
  int socket = sb_dial_socket(dial);
  dialer->taking = socket;
  sb_dial_close(dial);
  dialer->taking = CURL_SOCKET_BAD;
  return socket;
}

ssize_t sb_dial_send(sb_dial *dial, const void *data, size_t size, const char **error)
{
  size_t sent = 0;
  CURLcode code = curl_easy_send(dial->easy, data, size, &sent);
  if (code == CURLE_OK)
    return (ssize_t)sent;
  *error = curl_easy_strerror(code);
  return code == CURLE_AGAIN ? 0 : -1;
}

ssize_t sb_dial_receive(sb_dial *dial, void *data, size_t size, const char **error)
{
  size_t received = 0;
  CURLcode code = curl_easy_recv(dial->easy, data, size, &received);
  *error = NULL;
  if (code == CURLE_OK)
    return received ? (ssize_t)received : -1;
  if (code == CURLE_AGAIN)
    return 0;
  *error = curl_easy_strerror(code);
  return -1;
}
