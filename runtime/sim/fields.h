#ifndef SB_SIM_FIELDS_H
#define SB_SIM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

/* Reads a JSON file of nested objects and figures, where every mistake must name the file and the field:
 *
 *   sb_fields f;
 *   if (sb_fields_open(&f, path, err) == SB_OK)
 *     sb_fields_read(&f, on_member, &settings);
 *   return sb_fields_close(&f);
 *
 * on_member reads exactly one value with one of the functions below, or calls sb_fields_fail. After the first
 * failure every read does nothing and gives its lowest value; the failure stays in rc. */

typedef struct sb_fields {
  const char *path; /* borrowed */
  sb_strbuf text;
  sb_json json;
  char field[160]; /* dotted name of the value at hand */
  sb_err *err;     /* borrowed, or NULL */
  int rc;
  void *context; /* the caller's */
} sb_fields;

typedef void (*sb_fields_member_fn)(sb_fields *f, const sb_json_string_t *key, void *target);

int sb_fields_open(sb_fields *f, const char *path, sb_err *err);
int sb_fields_close(sb_fields *f); /* frees; returns rc */

/* The whole file, which must be one object; may be repeated. */
void sb_fields_read(sb_fields *f, sb_fields_member_fn member, void *target);

/* "PATH: FIELD: WHAT"; false, so that a reader may end with it. */
bool sb_fields_fail(sb_fields *f, const char *what);

void sb_fields_object(sb_fields *f, sb_fields_member_fn member, void *target);
double sb_fields_number(sb_fields *f, double low, double high);
long long sb_fields_count(sb_fields *f, long long high); /* 1 to high */
bool sb_fields_flag(sb_fields *f);
void sb_fields_text(sb_fields *f, char *out, size_t size); /* terminated; longer strings fail */
int sb_fields_numbers(sb_fields *f, double *out, int size, double low, double high); /* 1 to size; how many */

#endif
