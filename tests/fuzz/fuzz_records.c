#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "measure/metrics.h"
#include "store/planes.h"
#include "store/records.h"

/* The bytes as a records file, and as the inside of one with a right beginning and checksum. A run that
 * parses can be measured, listed and written, and what was written parses again, to the same run however often.
 * Whatever they are, they come back from the order in which they are packed. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int writing(const sb_run *run, sb_strbuf *out);

/* What a run is once it was written and read again, with its exact bytes. */
static sb_run *again(const sb_run *run, writing *write, sb_strbuf *exact)
{
  sb_strbuf out = { 0 };
  if (write(run, &out) != SB_OK)
    abort();
  sb_run *back = sb_records_parse(out.data, out.size, NULL);
  sb_strbuf_deinit(&out);
  if (!back || back->count != run->count || sb_records_write(back, exact) != SB_OK)
    abort();
  return back;
}

/* Written and read once is as good as twice. */
static void write_and_read(const sb_run *run, writing *write)
{
  sb_strbuf exact[2] = { 0 };
  sb_run *once = again(run, write, &exact[0]), *twice = again(once, write, &exact[1]);
  if (exact[0].size != exact[1].size || memcmp(exact[0].data, exact[1].data, exact[0].size) != 0)
    abort();
  sb_run_free(once);
  sb_run_free(twice);
  sb_strbuf_deinit(&exact[0]);
  sb_strbuf_deinit(&exact[1]);
}

static void use(const sb_run *run)
{
  const sb_slo slo = { 100, 10, 1000 };
  sb_metrics metrics;
  sb_strbuf out = { 0 };
  sb_metrics_compute(run, &slo, &metrics);
  sb_records_to_jsonl(run, &out);
  write_and_read(run, sb_records_write);
  write_and_read(run, sb_records_write_rounded);
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
