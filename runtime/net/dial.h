#ifndef SB_DIAL_H
#define SB_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "net/loop.h"

/* Makes connections by libcurl: names, both address families, TLS with verification, proxies as the usual
 * environment variables say (an HTTP proxy is asked for a tunnel; loopback is never proxied).
 *
 * What libcurl has made is either a plain socket, which is then ours alone, or something it must keep
 * translating (TLS, or a proxy that may be spoken to in TLS), which is sent and received through it. */

typedef struct sb_dialer sb_dialer;
typedef struct sb_dial sb_dial; /* one attempt; and later the connection, where libcurl keeps translating */

sb_dialer *sb_dialer_new(sb_loop *loop, sb_err *err);

/* libcurl and what it stands on: "libcurl/7.88.1 OpenSSL/3.0.15 ...". Static text. */
const char *sb_dialer_library(void);

/* The file of certificates (PEM) by which servers are trusted from the next dial on, for the whole process, to be set
 * while one thread dials; copied. Else $SSL_CERT_FILE names it, and $SSL_CERT_DIR a folder of them; else libcurl's own
 * are taken. */
void sb_dialer_trust(const char *path);

/* After every dial was closed. Memory goes in libuv's close callbacks. */
void sb_dialer_free(sb_dialer *dialer);

/* Whether connections to this origin ("https://host:port") are plain sockets. */
bool sb_dialer_is_plain(const char *origin);

typedef void (*sb_dial_end_fn)(void *context, const char *error);

/* on_end comes once, from the loop, never from inside this call: with NULL when the connection stands, else
 * with one line that lives until it returns. NULL where libcurl refuses. */
sb_dial *sb_dial_start(sb_dialer *dialer, const char *origin, sb_dial_end_fn on_end, void *context,
                       sb_err *err);

/* The socket of a dial that succeeded. */
int sb_dial_socket(const sb_dial *dial);

/* Ends a plain dial that succeeded, and leaves its socket to the caller. */
int sb_dial_take_socket(sb_dial *dial);

/* Over a dial that is not plain: bytes moved, 0 where it would block, -1 on an error that *error names.
 * received also tells of an orderly end: -1 and *error NULL. */
ssize_t sb_dial_send(sb_dial *dial, const void *data, size_t size, const char **error);
ssize_t sb_dial_receive(sb_dial *dial, void *data, size_t size, const char **error);

/* Gives up, or closes. Allowed from on_end. */
void sb_dial_close(sb_dial *dial);

#endif
