#include "store/codec.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/readable.h"

/* zlib's window bits plus this select gzip's header instead of zlib's. */
enum { GZIP_FORMAT = 16, CHUNK = 64 * 1024 };

int sb_gzip(const void *data, size_t size, sb_strbuf *out, sb_err *err)
{
  z_stream z = { 0 };
  if (size > UINT_MAX ||
      deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + GZIP_FORMAT, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return sb_err_set(err, SB_ENOMEM, "cannot compress %zu bytes", size);
  uLong bound = deflateBound(&z, (uLong)size);
  z.next_in = (Bytef *)(uintptr_t)data;
  z.avail_in = (uInt)size;
  z.next_out = (Bytef *)sb_strbuf_reserve(out, bound);
  z.avail_out = (uInt)bound;
  int rc = deflate(&z, Z_FINISH);
  out->size += z.total_out;
  out->data[out->size] = '\0';
  deflateEnd(&z);
  return rc == Z_STREAM_END ? SB_OK : sb_err_set(err, SB_EIO, "cannot compress %zu bytes", size);
}

int sb_gunzip(const void *data, size_t size, size_t most, sb_strbuf *out, sb_err *err)
{
  z_stream z = { 0 };
  if (size > UINT_MAX || inflateInit2(&z, MAX_WBITS + GZIP_FORMAT) != Z_OK)
    return sb_err_set(err, SB_ENOMEM, "cannot decompress %zu bytes", size);
  z.next_in = (Bytef *)(uintptr_t)data;
  z.avail_in = (uInt)size;
  int rc = Z_OK;
  size_t begin = out->size;
  while (rc == Z_OK && out->size - begin <= most) {
    z.next_out = (Bytef *)sb_strbuf_reserve(out, CHUNK);
    z.avail_out = CHUNK;
    rc = inflate(&z, Z_NO_FLUSH);
    out->size += CHUNK - z.avail_out;
    out->data[out->size] = '\0';
    if (rc == Z_OK && z.avail_in == 0 && z.avail_out != 0)
      break; /* the input ended early */
    if (rc == Z_STREAM_END && z.avail_in > 0)
      rc = inflateReset(&z); /* one file behind another, as cat joins them */
  }
  inflateEnd(&z);
  if (out->size - begin > most)
    return sb_err_set(err, SB_EPARSE, "a gzip file of more than %zu bytes", most);
  return rc == Z_STREAM_END ? SB_OK : sb_err_set(err, SB_EPARSE, "not a whole gzip file");
}

static void to_hex(const unsigned char *digest, char hex[65])
{
  for (int i = 0; i < 32; i++)
    snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static int no_digest(sb_err *err)
{
  return sb_err_set(err, SB_EIO, "libcrypto could not compute a SHA-256");
}

int sb_sha256(const void *data, size_t size, char hex[65], sb_err *err)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  if (!EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL))
    return no_digest(err);
  to_hex(digest, hex);
  return SB_OK;
}

int sb_sha256_file(const char *path, char hex[65], sb_err *err)
{
  FILE *file = sb_readable_open(path);
  if (!file)
    return sb_err_sys(err, errno, "cannot read %s", path);
  struct stat st;
  if (fstat(fileno(file), &st) || !S_ISREG(st.st_mode)) {
    fclose(file);
    return sb_err_set(err, SB_EIO, "cannot read %s: it is no regular file", path);
  }
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool sound = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
  unsigned char buffer[CHUNK];
  size_t n;
  while (sound && (n = fread(buffer, 1, sizeof buffer, file)) > 0)
    sound = EVP_DigestUpdate(context, buffer, n);
  int failed = ferror(file) ? errno : 0;
  fclose(file);
  unsigned char digest[EVP_MAX_MD_SIZE];
  sound = sound && EVP_DigestFinal_ex(context, digest, NULL);
  EVP_MD_CTX_free(context);
  if (failed)
    return sb_err_sys(err, failed, "cannot read %s", path);
  if (!sound)
    return no_digest(err);
  to_hex(digest, hex);
  return SB_OK;
}
