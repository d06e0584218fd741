#include "sim/k_table.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "sim/profile.h"

enum { MAX_RUNNING = 1 << 20 };

/* Three whole numbers; false where the text holds something else. */
static bool read_range(sb_json *j, int64_t range[3])
{
  int count = 0;
  if (!sb_json_array(j))
    return false;
  while (sb_json_item(j))
    if (count == 3 || !sb_json_int(j, &range[count++]))
      return false;
  return count == 3;
}

int sb_sim_k_table_parse(sb_sim_k_table *table, const char *text, sb_err *err)
{
  sb_json j;
  int64_t range[3], end = 0; /* end: of the range before */
  *table = (sb_sim_k_table){ 0 };
  sb_json_init(&j, text, strlen(text));
  if (sb_json_array(&j)) {
    while (sb_json_item(&j)) {
      if (table->count == SB_SIM_MAX_K_RANGES)
        return sb_err_set(err, SB_EINVAL, "more than %d ranges", SB_SIM_MAX_K_RANGES);
      if (!read_range(&j, range))
        break;
      if (range[0] <= end || range[1] < range[0] || range[1] > MAX_RUNNING || (end == 0 && range[0] != 1))
        return sb_err_set(err, SB_EINVAL, "range %d: ranges must begin at 1, rise and not overlap",
                          table->count + 1);
      if (range[2] < 0 || range[2] > SB_SIM_MAX_K)
        return sb_err_set(err, SB_EINVAL, "range %d: k must be 0 to %d", table->count + 1, SB_SIM_MAX_K);
      end = range[1];
      table->ranges[table->count].first = (int)range[0];
      table->ranges[table->count].last = (int)range[1];
      table->ranges[table->count++].k = (int)range[2];
    }
  }
  if (table->count == 0 || !sb_json_done(&j))
    return sb_err_set(err, SB_EINVAL, "must be [[first, last, k], ...] of whole numbers");
  return SB_OK;
}

int sb_sim_k_table_largest(const sb_sim_k_table *table)
{
  int largest = 0;
  for (int i = 0; i < table->count; i++)
    if (table->ranges[i].k > largest)
      largest = table->ranges[i].k;
  return largest;
}

int sb_sim_k_table_at(const sb_sim_k_table *table, int running, int otherwise)
{
  int k = otherwise;
  for (int i = 0; i < table->count && table->ranges[i].first <= running; i++)
    k = table->ranges[i].k;
  return k;
}
