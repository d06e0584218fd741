#include "base/file_limit.h"

#include <sys/resource.h>

bool sb_file_limit_raise(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit))
    return false;
  if (limit.rlim_cur == limit.rlim_max)
    return true;
  limit.rlim_cur = limit.rlim_max;
  return !setrlimit(RLIMIT_NOFILE, &limit);
}
