#include "gpu/nvml.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Names, types and numbers: NVIDIA's NVML reference, "Device Queries". The library keeps them stable. */

typedef struct nvml_device *device;

enum { SUCCESS = 0, CLOCK_SM = 1, POLICY_POWER = 0, POLICY_THERMAL = 1 };

typedef struct violation_time {
  unsigned long long reference_us, violation_ns;
} violation_time;

struct sb_nvml {
  void *library;
  int (*shutdown)(void);
  const char *(*error_text)(int);
  int (*count)(unsigned *);
  int (*by_index)(unsigned, device *);
  int (*by_uuid)(const char *, device *);
  int (*index)(device, unsigned *);
  int (*uuid)(device, char *, unsigned);
  /* these a driver or a GPU may lack */
  int (*energy)(device, unsigned long long *);
  int (*clock)(device, int, unsigned *);
  int (*violation)(device, int, violation_time *);
  int (*mig_mode)(device, unsigned *, unsigned *);
};

/* C has no cast from an object pointer to a function's; POSIX asks that the bytes mean the same. */
static bool find(void *library, const char *name, void *function)
{
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static bool find_all(sb_nvml *nvml)
{
  void *library = nvml->library;
  bool found =
      find(library, "nvmlShutdown", &nvml->shutdown) && find(library, "nvmlErrorString", &nvml->error_text) &&
      find(library, "nvmlDeviceGetCount_v2", &nvml->count) &&
      find(library, "nvmlDeviceGetHandleByIndex_v2", &nvml->by_index) &&
      find(library, "nvmlDeviceGetHandleByUUID", &nvml->by_uuid) &&
      find(library, "nvmlDeviceGetIndex", &nvml->index) && find(library, "nvmlDeviceGetUUID", &nvml->uuid);
  find(library, "nvmlDeviceGetTotalEnergyConsumption", &nvml->energy);
  find(library, "nvmlDeviceGetClockInfo", &nvml->clock);
  find(library, "nvmlDeviceGetViolationStatus", &nvml->violation);
  find(library, "nvmlDeviceGetMigMode", &nvml->mig_mode);
  return found;
}

static int failed(const sb_nvml *nvml, int result, const char *what, sb_err *err)
{
  return sb_err_set(err, SB_EIO, "NVML: %s: %s", what, nvml->error_text(result));
}

static int start(sb_nvml *nvml, sb_err *err)
{
  int (*init)(void);
  if (!find(nvml->library, "nvmlInit_v2", &init) || !find_all(nvml))
    return sb_err_set(err, SB_EIO, "NVML: the library lacks what every driver since 2013 has");
  int result = init();
  return result == SUCCESS ? 0 : failed(nvml, result, "cannot start", err);
}

sb_nvml *sb_nvml_open(sb_err *err)
{
  sb_nvml *nvml = calloc(1, sizeof *nvml);
  if (!nvml) {
    sb_err_set(err, SB_ENOMEM, "NVML: no memory");
    return NULL;
  }
  nvml->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!nvml->library) {
    sb_err_set(err, SB_EIO, "NVML: %s", dlerror());
    free(nvml);
    return NULL;
  }
  if (start(nvml, err)) {
    dlclose(nvml->library);
    free(nvml);
    return NULL;
  }
  return nvml;
}

void sb_nvml_free(sb_nvml *nvml)
{
  if (!nvml)
    return;
  nvml->shutdown();
  dlclose(nvml->library);
  free(nvml);
}

int sb_nvml_count(const sb_nvml *nvml, unsigned *count, sb_err *err)
{
  int result = nvml->count(count);
  return result == SUCCESS ? 0 : failed(nvml, result, "cannot count GPUs", err);
}

static bool is_divided(const sb_nvml *nvml, device d)
{
  unsigned current = 0, pending;
  return nvml->mig_mode && nvml->mig_mode(d, &current, &pending) == SUCCESS && current != 0;
}

static bool limited(const sb_nvml *nvml, device d, int policy, uint64_t *ns)
{
  violation_time time;
  if (!nvml->violation || nvml->violation(d, policy, &time) != SUCCESS)
    return false;
  *ns = time.violation_ns;
  return true;
}

static int read_device(const sb_nvml *nvml, device d, sb_gpu_reading *reading, sb_err *err)
{
  memset(reading, 0, sizeof *reading);
  int result = nvml->uuid(d, reading->uuid, sizeof reading->uuid);
  if (result == SUCCESS)
    result = nvml->index(d, &reading->index);
  if (result != SUCCESS)
    return failed(nvml, result, "cannot tell which GPU this is", err);
  unsigned long long energy;
  if (!is_divided(nvml, d) && nvml->energy && nvml->energy(d, &energy) == SUCCESS) {
    reading->has_energy = true;
    reading->energy_mj = energy;
  }
  reading->has_clock = nvml->clock && nvml->clock(d, CLOCK_SM, &reading->sm_clock_mhz) == SUCCESS;
  reading->has_power_limited = limited(nvml, d, POLICY_POWER, &reading->power_limited_ns);
  reading->has_thermal_limited = limited(nvml, d, POLICY_THERMAL, &reading->thermal_limited_ns);
  return 0;
}

int sb_nvml_read(const sb_nvml *nvml, unsigned index, sb_gpu_reading *reading, sb_err *err)
{
  device d;
  int result = nvml->by_index(index, &d);
  return result == SUCCESS ? read_device(nvml, d, reading, err)
                           : failed(nvml, result, "no GPU of this number", err);
}

int sb_nvml_read_uuid(const sb_nvml *nvml, const char *uuid, sb_gpu_reading *reading, sb_err *err)
{
  device d;
  int result = nvml->by_uuid(uuid, &d);
  return result == SUCCESS ? read_device(nvml, d, reading, err)
                           : failed(nvml, result, "no GPU of this UUID", err);
}
