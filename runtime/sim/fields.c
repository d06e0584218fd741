#include "sim/fields.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/readable.h"
#include "base/strbuf.h"

enum { MAX_FILE_BYTES = 1 << 20, MAX_KEY = 64 };

static int read_file(const char *path, sb_strbuf *text, sb_err *err)
{
  FILE *file = sb_readable_open(path);
  if (!file)
    return sb_err_sys(err, errno, "cannot open %s", path);
  char block[4096];
  size_t size;
  while ((size = fread(block, 1, sizeof block, file)) > 0 && text->size <= MAX_FILE_BYTES)
    sb_strbuf_append(text, block, size);
  int failed = ferror(file) ? errno : 0;
  fclose(file);
  if (failed)
    return sb_err_sys(err, failed, "cannot read %s", path);
  if (text->size == 0 || text->size > MAX_FILE_BYTES)
    return sb_err_set(err, SB_EPARSE, "%s: the file: must hold 1 byte to 1 MiB of JSON", path);
  return SB_OK;
}

int sb_fields_open(sb_fields *f, const char *path, sb_err *err)
{
  *f = (sb_fields){ .path = path, .err = err };
  f->rc = read_file(path, &f->text, err);
  return f->rc;
}

int sb_fields_close(sb_fields *f)
{
  sb_strbuf_deinit(&f->text);
  return f->rc;
}

bool sb_fields_fail(sb_fields *f, const char *what)
{
  if (f->rc == SB_OK)
    f->rc = sb_err_set(f->err, SB_EPARSE, "%s: %s: %s", f->path, f->field[0] ? f->field : "the file", what);
  return false;
}

void sb_fields_object(sb_fields *f, sb_fields_member_fn member, void *target)
{
  if (f->rc != SB_OK)
    return;
  if (!sb_json_object(&f->json)) {
    sb_fields_fail(f, "must be an object { }");
    return;
  }
  sb_json_string_t key;
  size_t outer = strlen(f->field);
  while (f->rc == SB_OK && sb_json_key(&f->json, &key)) {
    snprintf(f->field + outer, sizeof f->field - outer, "%s%.*s", outer ? "." : "",
             (int)(key.size < MAX_KEY ? key.size : MAX_KEY), key.raw);
    member(f, &key, target);
    if (f->rc == SB_OK)
      f->field[outer] = '\0';
  }
  if (f->rc == SB_OK && f->json.failed)
    sb_fields_fail(f, "is not well-formed JSON");
}

void sb_fields_read(sb_fields *f, sb_fields_member_fn member, void *target)
{
  sb_json_init(&f->json, f->text.data ? f->text.data : "", f->text.size);
  sb_fields_object(f, member, target);
  if (f->rc == SB_OK && !sb_json_done(&f->json))
    sb_fields_fail(f, "is not well-formed JSON");
}

double sb_fields_number(sb_fields *f, double low, double high)
{
  double value = 0.0;
  char what[96];
  if (sb_json_double(&f->json, &value) && value >= low && value <= high)
    return value;
  snprintf(what, sizeof what, "must be a number from %g to %g", low, high);
  sb_fields_fail(f, what);
  return low;
}

long long sb_fields_count(sb_fields *f, long long high)
{
  int64_t value = 0;
  char what[96];
  if (sb_json_int(&f->json, &value) && value >= 1 && value <= high)
    return value;
  snprintf(what, sizeof what, "must be a whole number from 1 to %lld", high);
  sb_fields_fail(f, what);
  return 1;
}

bool sb_fields_flag(sb_fields *f)
{
  bool value = false;
  if (!sb_json_bool(&f->json, &value))
    sb_fields_fail(f, "must be true or false");
  return value;
}

void sb_fields_text(sb_fields *f, char *out, size_t size)
{
  sb_json_string_t value;
  out[0] = '\0';
  if (!sb_json_string(&f->json, &value)) {
    sb_fields_fail(f, "must be a string");
    return;
  }
  sb_strbuf text = { 0 };
  sb_json_unescape(&value, &text);
  if (text.size >= size) {
    char what[96];
    snprintf(what, sizeof what, "must be shorter than %zu bytes", size);
    sb_fields_fail(f, what);
  } else if (text.size > 0) {
    memcpy(out, text.data, text.size + 1);
  }
  sb_strbuf_deinit(&text);
}

int sb_fields_numbers(sb_fields *f, double *out, int size, double low, double high)
{
  int count = 0;
  if (!sb_json_array(&f->json)) {
    sb_fields_fail(f, "must be an array of numbers");
    return 0;
  }
  while (f->rc == SB_OK && sb_json_item(&f->json)) {
    if (count == size) {
      char what[96];
      snprintf(what, sizeof what, "must not have more than %d numbers", size);
      sb_fields_fail(f, what);
    } else {
      out[count++] = sb_fields_number(f, low, high);
    }
  }
  if (count == 0)
    sb_fields_fail(f, "must hold at least one number");
  return count;
}
