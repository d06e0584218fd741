#ifndef SB_URL_H
#define SB_URL_H

#include "base/err.h"

/* What a request needs to know of its URL. */
typedef struct sb_url {
  char *origin;      /* "http://host:port", always with the port: who is connected to */
  char *host;        /* value of the Host header: without the scheme's own port */
  char *target;      /* path and query */
  char *credentials; /* "user:password" in base64; NULL where the URL has none */
} sb_url;

/* 0, or SB_EINVAL for what is no absolute http or https URL, SB_ENOMEM where libcurl, which parses it, has no memory:
 * then *url is untouched. */
int sb_url_parse(const char *text, sb_url *url, sb_err *err);
void sb_url_deinit(sb_url *url);

#endif
