#include "net/url.h"

#include <curl/curl.h>
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

/* A part of the URL, to be given back by curl_free; NULL where it has none. */
static char *part(CURLU *handle, CURLUPart what, unsigned flags)
{
  char *text = NULL;
  curl_url_get(handle, what, &text, flags);
  return text;
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

static void fill(sb_url *url, CURLU *handle, const char *scheme, const char *host)
{
  char *port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  char *own_port = part(handle, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  char *path = part(handle, CURLUPART_PATH, 0);
  char *query = part(handle, CURLUPART_QUERY, 0);
  char *user = part(handle, CURLUPART_USER, CURLU_URLDECODE);
  char *password = part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE);
  char *at = join(scheme, "://", host);
  url->origin = join(at, ":", port);
  url->host = join(host, ":", own_port);
  url->target = join(path, "?", query);
  url->credentials = NULL;
  if (user) {
    char *both = join(user, ":", password ? password : "");
    url->credentials = base64(both);
    free(both);
  }
  free(at);
  char *const parts[] = { port, own_port, path, query, user, password };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    curl_free(parts[i]);
}

int sb_url_parse(const char *text, sb_url *url, sb_err *err)
{
  CURLU *handle = curl_url();
  int rc = SB_EINVAL;
  if (handle && !curl_url_set(handle, CURLUPART_URL, text, 0)) {
    char *scheme = part(handle, CURLUPART_SCHEME, 0), *host = part(handle, CURLUPART_HOST, 0);
    if (scheme && host && (!strcmp(scheme, "http") || !strcmp(scheme, "https"))) {
      fill(url, handle, scheme, host);
      rc = SB_OK;
    }
    curl_free(scheme);
    curl_free(host);
  }
  curl_url_cleanup(handle);
  return rc ? sb_err_set(err, SB_EINVAL, "not an http:// or https:// URL: %.200s", text) : SB_OK;
}

void sb_url_deinit(sb_url *url)
{
  free(url->origin);
  free(url->host);
  free(url->target);
  free(url->credentials);
  *url = (sb_url){ 0 };
}
