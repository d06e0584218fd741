#include "net/proxy.h"

#include <stdlib.h>
#include <string.h>

/* The first variable that says something: an empty one counts as absent, as it does to libcurl. */
static const char *setting(const char *const *names)
{
  for (; *names; names++) {
    const char *value = getenv(*names);
    if (value && *value)
      return value;
  }
  return NULL;
}

static bool is_loopback(const char *host)
{
  static const char *const names[] = { "127.0.0.1:", "localhost:", "[::1]:" };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strncmp(host, names[i], strlen(names[i])))
      return true;
  return false;
}

/* The hosts that are reached without a proxy beside loopback ones; NULL: none. */
static const char *exceptions(void)
{
  static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
  return setting(names);
}

/* Only where it stands alone libcurl takes it for all hosts. */
static bool is_all(const char *hosts)
{
  return hosts && !strcmp(hosts, "*");
}

bool sb_proxy_may_be_used(const char *host)
{
  static const char *const proxies[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
  return !is_loopback(host) && !is_all(exceptions()) && setting(proxies);
}

void sb_proxy_exceptions(sb_strbuf *hosts)
{
  const char *more = exceptions();
  sb_strbuf_puts(hosts, is_all(more) ? more : "127.0.0.1,localhost,::1");
  if (more && !is_all(more))
    sb_strbuf_printf(hosts, ",%s", more);
}
