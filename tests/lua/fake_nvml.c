/* Stands in for NVIDIA's management library: two GPUs, of which the second is divided by MIG. The first draws 300 W by
 * the monotonic clock, and is held back by power for half of the time. FAKE_NVML=broken: it does not start. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct nvml_device {
  unsigned index;
};

typedef struct violation_time {
  unsigned long long reference_us, violation_ns;
} violation_time;

enum { NVML_SUCCESS = 0, NVML_NOT_SUPPORTED = 3, NVML_NOT_FOUND = 6, NVML_UNKNOWN = 999 };

static struct nvml_device devices[2] = { { 0 }, { 1 } };

int nvmlInit_v2(void);
int nvmlShutdown(void);
const char *nvmlErrorString(int result);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct nvml_device **device);
int nvmlDeviceGetHandleByUUID(const char *uuid, struct nvml_device **device);
int nvmlDeviceGetIndex(struct nvml_device *device, unsigned *index);
int nvmlDeviceGetUUID(struct nvml_device *device, char *uuid, unsigned size);
int nvmlDeviceGetTotalEnergyConsumption(struct nvml_device *device, unsigned long long *energy);
int nvmlDeviceGetClockInfo(struct nvml_device *device, int type, unsigned *clock);
int nvmlDeviceGetViolationStatus(struct nvml_device *device, int policy, violation_time *violation);
int nvmlDeviceGetMigMode(struct nvml_device *device, unsigned *current, unsigned *pending);

static unsigned long long now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

int nvmlInit_v2(void)
{
  const char *how = getenv("FAKE_NVML");
  return how && strcmp(how, "broken") == 0 ? NVML_UNKNOWN : NVML_SUCCESS;
}

int nvmlShutdown(void)
{
  return NVML_SUCCESS;
}

const char *nvmlErrorString(int result)
{
  return result == NVML_NOT_FOUND ? "Not Found" : "Unknown Error";
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
  *count = 2;
  return NVML_SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct nvml_device **device)
{
  if (index >= 2)
    return NVML_NOT_FOUND;
  *device = &devices[index];
  return NVML_SUCCESS;
}

int nvmlDeviceGetUUID(struct nvml_device *device, char *uuid, unsigned size)
{
  snprintf(uuid, size, "GPU-fake-%u", device->index);
  return NVML_SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, struct nvml_device **device)
{
  for (unsigned i = 0; i < 2; i++) {
    char mine[32];
    nvmlDeviceGetUUID(&devices[i], mine, sizeof mine);
    if (strcmp(uuid, mine) == 0)
      return nvmlDeviceGetHandleByIndex_v2(i, device);
  }
  return NVML_NOT_FOUND;
}

int nvmlDeviceGetIndex(struct nvml_device *device, unsigned *index)
{
  *index = device->index;
  return NVML_SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(struct nvml_device *device, unsigned long long *energy)
{
  (void)device;
  *energy = 300 * now_ms();
  return NVML_SUCCESS;
}

int nvmlDeviceGetClockInfo(struct nvml_device *device, int type, unsigned *clock)
{
  (void)device;
  *clock = type == 1 ? 1980 : 0;
  return NVML_SUCCESS;
}

int nvmlDeviceGetViolationStatus(struct nvml_device *device, int policy, violation_time *violation)
{
  (void)device;
  if (policy != 0)
    return NVML_NOT_SUPPORTED;
  *violation = (violation_time){ 0, now_ms() * 1000000 / 2 };
  return NVML_SUCCESS;
}

int nvmlDeviceGetMigMode(struct nvml_device *device, unsigned *current, unsigned *pending)
{
  *current = *pending = device->index == 1;
  return NVML_SUCCESS;
}
