#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/httpd_parser.h"

/* Bytes as one connection's requests: fed at once and byte by byte, the parser must say the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t feed(sb_httpd_parser *p, const char *text, size_t size, size_t piece)
{
  size_t at = 0;
  while (at < size && p->state < SB_HTTPD_COMPLETE)
    at += sb_httpd_parser_feed(p, text + at, size - at < piece ? size - at : piece);
  return at;
}

static void check(const sb_httpd_parser *a, const sb_httpd_parser *b)
{
  if (a->state != b->state || a->status != b->status || a->header_count != b->header_count ||
      a->keep_alive != b->keep_alive || a->remaining != b->remaining || a->body.size != b->body.size ||
      (a->body.size && memcmp(a->body.data, b->body.data, a->body.size) != 0) ||
      a->body.size > SB_HTTPD_MAX_BODY || a->head.size > SB_HTTPD_MAX_HEAD)
    abort();
  if (a->state == SB_HTTPD_COMPLETE && (strcmp(a->method, b->method) != 0 || strcmp(a->path, b->path) != 0))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  sb_httpd_parser whole, pieces;
  sb_httpd_parser_init(&whole);
  sb_httpd_parser_init(&pieces);
  for (size_t at = 0; at < size;) {
    size_t used = feed(&whole, text + at, size - at, size - at);
    size_t again = feed(&pieces, text + at, size - at, 1);
    check(&whole, &pieces);
    if (whole.state != SB_HTTPD_COMPLETE)
      break;
    if (used != again || used == 0)
      abort();
    at += used;
    sb_httpd_parser_reset(&whole);
    sb_httpd_parser_reset(&pieces);
  }
  sb_httpd_parser_deinit(&whole);
  sb_httpd_parser_deinit(&pieces);
  return 0;
}
