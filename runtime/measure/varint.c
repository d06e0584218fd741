#include "measure/varint.h"

size_t sb_varint_put(uint8_t *at, uint64_t value)
{
  size_t n = 0;
  while (value >= 0x80) {
    at[n++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  at[n++] = (uint8_t)value;
  return n;
}

void sb_varint_append(sb_strbuf *out, uint64_t value)
{
  out->size += sb_varint_put((uint8_t *)sb_strbuf_reserve(out, SB_VARINT_MAX), value);
}

bool sb_varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
  uint64_t result = 0;
  const uint8_t *p = *at;
  for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
    uint8_t byte = *p++;
    if (shift == 63 && byte > 1)
      return false;
    result |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *at = p;
      *value = result;
      return true;
    }
  }
  return false;
}

uint64_t sb_zigzag(int64_t value)
{
  return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

int64_t sb_unzigzag(uint64_t value)
{
  return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}
