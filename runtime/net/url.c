#include "net/url.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

static char *base64(const char *text)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  sb_strbuf out = { 0 };
  for (size_t left = strlen(text); left; text += 3, left = left > 3 ? left - 3 : 0) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; i++)
      bits = bits << 8 | (i < left ? (unsigned char)text[i] : 0);
    for (size_t i = 0; i < 4; i++)
      sb_strbuf_putc(&out, i <= left ? digits[bits >> (18 - 6 * i) & 63] : '=');
  }
  return out.data;
}

/* What libcurl makes of a URL; NULL: it has no such part. */
typedef struct parts {
  char *scheme, *host, *port, *own_port, *path, *query, *user, *password;
} parts;

static CURLUcode read_parts(CURLU *handle, const char *text, parts *p)
{
  const struct {
    char **part;
    CURLUPart what;
    unsigned flags;
  } wanted[] = {
    { &p->scheme, CURLUPART_SCHEME, 0 },
    { &p->host, CURLUPART_HOST, 0 },
    { &p->port, CURLUPART_PORT, CURLU_DEFAULT_PORT },
    { &p->own_port, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT },
    { &p->path, CURLUPART_PATH, 0 },
    { &p->query, CURLUPART_QUERY, 0 },
    { &p->user, CURLUPART_USER, CURLU_URLDECODE },
    { &p->password, CURLUPART_PASSWORD, CURLU_URLDECODE },
  };
  CURLUcode code = handle ? curl_url_set(handle, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;
  for (size_t i = 0; code == CURLUE_OK && i < sizeof wanted / sizeof *wanted; i++)
    if (curl_url_get(handle, wanted[i].what, wanted[i].part, wanted[i].flags) == CURLUE_OUT_OF_MEMORY)
      code = CURLUE_OUT_OF_MEMORY; /* else it is absent */
  return code;
}

static void free_parts(const parts *p)
{
  char *const all[] = { p->scheme, p->host, p->port, p->own_port, p->path, p->query, p->user, p->password };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    curl_free(all[i]);
}

static char *join(const char *a, const char *between, const char *b)
{
  sb_strbuf text = { 0 };
  sb_strbuf_puts(&text, a);
  if (b) {
    sb_strbuf_puts(&text, between);
    sb_strbuf_puts(&text, b);
  }
  return text.data;
}

static void fill(sb_url *url, const parts *p)
{
  char *at = join(p->scheme, "://", p->host);
  *url = (sb_url){ .origin = join(at, ":", p->port),
                   .host = join(p->host, ":", p->own_port),
                   .target = join(p->path, "?", p->query) };
  if (p->user) {
    char *both = join(p->user, ":", p->password ? p->password : "");
    url->credentials = base64(both);
    free(both);
  }
  free(at);
}

static bool is_http(const parts *p)
{
  return p->host && p->scheme && (!strcmp(p->scheme, "http") || !strcmp(p->scheme, "https"));
}

int sb_url_parse(const char *text, sb_url *url, sb_err *err)
{
  CURLU *handle = curl_url();
  parts p = { 0 };
  CURLUcode code = read_parts(handle, text, &p);
  bool sound = code == CURLUE_OK && is_http(&p);
  if (sound)
    fill(url, &p);
  free_parts(&p);
  curl_url_cleanup(handle);
  if (code == CURLUE_OUT_OF_MEMORY)
    return sb_err_set(err, SB_ENOMEM, "no memory to read a URL");
  return sound ? SB_OK : sb_err_set(err, SB_EINVAL, "not an http:// or https:// URL: %.200s", text);
}

void sb_url_deinit(sb_url *url)
{
  free(url->origin);
  free(url->host);
  free(url->target);
  free(url->credentials);
  *url = (sb_url){ 0 };
}
