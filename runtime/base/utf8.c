#include "base/utf8.h"

size_t sb_utf8_decode(const unsigned char *p, size_t size, unsigned *code)
{
  static const unsigned smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
  size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
  if (n == 0 || n > size)
    return 0;
  unsigned c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (p[i] & 0x3f);
  }
  if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
    return 0;
  *code = c;
  return n;
}
