#ifndef SB_PROXY_H
#define SB_PROXY_H

#include <stdbool.h>

#include "base/strbuf.h"

/* What the environment says of proxies, by the variables that libcurl reads. A server on a loopback address is
 * never behind one. */

/* Whether a proxy may stand before this host ("host:port") of an http:// URL. */
bool sb_proxy_may_be_used(const char *host);

/* Appends the hosts that are reached without a proxy, as CURLOPT_NOPROXY takes them. */
void sb_proxy_exceptions(sb_strbuf *hosts);

#endif
