#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "measure/metrics.h"
#include "store/planes.h"
#include "store/records.h"

/* The bytes as a records file, and as the inside of one with a right beginning and checksum. A run that
 * parses can be measured, listed and written, and what was written parses again. Whatever they are, they come back
 * from the order in which they are packed. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void written(const sb_run *run, int (*write)(const sb_run *, sb_strbuf *), sb_strbuf *out)
{
  sb_strbuf_clear(out);
  if (write(run, out) != SB_OK)
    abort();
  sb_run *back = sb_records_parse(out->data, out->size, NULL);
  if (!back || back->count != run->count)
    abort();
  sb_run_free(back);
}

static void use(const sb_run *run)
{
  const sb_slo slo = { 100, 10, 1000 };
  sb_metrics metrics;
  sb_strbuf out = { 0 };
  sb_metrics_compute(run, &slo, &metrics);
  sb_records_to_jsonl(run, &out);
  written(run, sb_records_write, &out);
  written(run, sb_records_write_rounded, &out);
  sb_strbuf_deinit(&out);
}

static void parse(const void *data, size_t size)
{
  sb_err err = { 0 };
  sb_run *run = sb_records_parse(data, size, &err);
  if (run)
    use(run);
  else if (err.code != SB_EPARSE || !err.text[0])
    abort();
  sb_run_free(run);
}

static void parse_inside(const char *magic, const uint8_t *data, size_t size)
{
  sb_strbuf file = { 0 };
  sb_strbuf_puts(&file, magic);
  sb_strbuf_append(&file, data, size);
  unsigned long crc = crc32(0, (const Bytef *)file.data, (uInt)file.size);
  for (size_t i = 0; i < 4; i++)
    sb_strbuf_putc(&file, (char)(crc >> 8 * i & 0xff));
  parse(file.data, file.size);
  sb_strbuf_deinit(&file);
}

static void pack(const uint8_t *data, size_t size)
{
  sb_strbuf split = { 0 }, back = { 0 };
  sb_planes_join(data, size, &back, NULL);
  sb_strbuf_clear(&back);
  sb_planes_split(data, size, &split);
  if (sb_planes_join(split.data, split.size, &back, NULL) || back.size != size ||
      (size && memcmp(back.data, data, size) != 0))
    abort();
  sb_strbuf_deinit(&split);
  sb_strbuf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  pack(data, size);
  parse(data, size);
  parse_inside("sbrec1\n", data, size);
  parse_inside("sbrec2\n", data, size);
  parse_inside("sbrec3\n", data, size);
  return 0;
}
