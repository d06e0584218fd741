#ifndef SB_NVML_H
#define SB_NVML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* NVIDIA's management library, opened at run time: a machine without it is a machine without such GPUs. Calls take
 * some milliseconds each and block: none belongs beside a load. One thread. */
typedef struct sb_nvml sb_nvml;

/* NULL, and *err says why, where the library is not there or does not start. Freed by sb_nvml_free. */
sb_nvml *sb_nvml_open(sb_err *err);
void sb_nvml_free(sb_nvml *nvml); /* NULL is fine */

/* What one GPU tells at a moment. What it does not tell is absent, not 0: a GPU that is cut into MIG instances or shared
 * through a vGPU counts no energy of one user. */
typedef struct sb_gpu_reading {
  char uuid[96];
  unsigned index; /* in the order of the PCI bus */
  bool has_energy, has_clock, has_power_limited, has_thermal_limited;
  uint64_t energy_mj;                            /* since the driver was loaded */
  uint64_t power_limited_ns, thermal_limited_ns; /* for how long clocks were held back, since then */
  unsigned sm_clock_mhz;
} sb_gpu_reading;

/* How many GPUs there are. */
int sb_nvml_count(const sb_nvml *nvml, unsigned *count, sb_err *err);

/* By place on the PCI bus, or by UUID ("GPU-..."; a MIG instance's is no GPU's). */
int sb_nvml_read(const sb_nvml *nvml, unsigned index, sb_gpu_reading *reading, sb_err *err);
int sb_nvml_read_uuid(const sb_nvml *nvml, const char *uuid, sb_gpu_reading *reading, sb_err *err);

#endif
