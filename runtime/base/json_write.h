#ifndef SB_JSON_WRITE_H
#define SB_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* JSON values as bytes, spelled as Python's json.dumps spells them (the reference's tables are compared byte
 * by byte): integers whole to 64 bits, doubles by their shortest text that reads back the same and always with
 * ".0" or an exponent, everything outside ASCII as \uXXXX, ", " and ": " between (put by the caller). */

void sb_json_put_string(sb_strbuf *out, const char *text, size_t size); /* invalid UTF-8 becomes U+FFFD */
void sb_json_put_int(sb_strbuf *out, int64_t value);
void sb_json_put_double(sb_strbuf *out, double value); /* NaN and infinities become null */

#endif
