#include "net/dial.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "net/multi.h"
#include "net/proxy.h"

/* Easy handles kept for the next dial, and libcurl's smallest buffers: no body passes through them. */
enum { KEPT_HANDLES = 16, BUFFER = 1024, UPLOAD_BUFFER = 16 * 1024 };

/* All plain dials share a multi handle. A dial that libcurl goes on translating has one of its own: libcurl looks for
 * dead connections whenever it makes one, and takes a connection in our hands whose bytes wait to be read, or that is
 * two minutes old, for dead. */
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
  sb_dialer *dialer;
  sb_multi *multi;
  CURL *easy;
  SLIST_ENTRY(sb_dial) link; /* of the kept ones */
  bool running;              /* on_end is still to be called */
  sb_dial_end_fn on_end;
  void *context;
  char error[CURL_ERROR_SIZE];
  int socket_errno; /* why the last socket could not be opened */
};

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

static void on_ended(CURL *easy, CURLcode code, int cause)
{
  sb_dial *dial;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&dial);
  dial->running = false;
  if (cause)
    dial->socket_errno = cause;
  dial->on_end(dial->context, code == CURLE_OK ? NULL : describe(dial, code));
}

static sb_multi *open_multi(sb_dialer *dialer)
{
  return sb_multi_open(dialer->loop, &dialer->handles, on_ended);
}

static int on_close_socket(void *user, curl_socket_t socket)
{
  sb_dialer *dialer = user;
  return socket == dialer->taking ? 0 : close(socket);
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
static CURLcode configure_trust(CURL *easy)
{
  const char *file = trusted ? trusted : getenv("SSL_CERT_FILE"),
             *folder = trusted ? NULL : getenv("SSL_CERT_DIR");
  CURLcode code = file && *file ? curl_easy_setopt(easy, CURLOPT_CAINFO, file) : CURLE_OK;
  if (code == CURLE_OK && folder && *folder)
    code = curl_easy_setopt(easy, CURLOPT_CAPATH, folder);
  return code;
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
  sb_multi_close(dialer->shared);
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
  sb_dialer *dialer = dial->dialer;
  sb_multi_remove(m, dial->easy, dial->running);
  if (m != dialer->shared)
    sb_multi_close(m);
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

/* Texts are copied, for which there may be no memory: a dial without one of them would go through a proxy, or trust
 * whom it should not. */
static CURLcode configure_texts(CURL *easy, const sb_dialer *dialer, const char *origin)
{
  CURLcode code = curl_easy_setopt(easy, CURLOPT_NOPROXY, dialer->no_proxy.data);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (code == CURLE_OK)
    code = configure_trust(easy);
  return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_URL, origin) : code;
}

static CURLcode configure(sb_dial *dial, const char *origin)
{
  CURL *easy = dial->easy;
  sb_dialer *dialer = dial->dialer;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, dial);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, dial->error);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SHARE, dialer->share);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, dial);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, dialer);
  return configure_texts(easy, dialer, origin);
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
      sb_multi_close(m);
    return NULL;
  }
  sb_log(SB_LOG_DEBUG, "dial %s", origin);
  dial->dialer = dialer;
  dial->multi = m;
  dial->on_end = on_end;
  dial->context = context;
  CURLcode code = configure(dial, origin);
  CURLMcode added = code == CURLE_OK ? sb_multi_add(m, dial->easy) : CURLM_OK;
  dial->running = code == CURLE_OK && added == CURLM_OK;
  if (dial->running)
    return dial;
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
  sb_dialer *dialer = dial->dialer;
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
