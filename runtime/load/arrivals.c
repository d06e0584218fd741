#include "load/arrivals.h"

#include <math.h>

#include "base/clock.h"
#include "base/rng.h"

/* No load lasts so long; and times since its start, and those on the clock, stay within 64 bits. */
static const double MOST_S = 100.0 * 365.25 * 86400.0;

int sb_arrivals_fill(sb_arrivals kind, double rate, double burstiness, uint64_t seed, uint32_t count,
                     int64_t *offsets_ns, sb_err *err)
{
  if (!(rate > 0) || !isfinite(rate))
    return sb_err_set(err, SB_EINVAL, "request rate must be a positive number, not %g", rate);
  if (!(burstiness > 0) || !isfinite(burstiness))
    return sb_err_set(err, SB_EINVAL, "burstiness must be a positive number, not %g", burstiness);
  sb_rng rng;
  sb_rng_init(&rng, seed, 0);
  double at = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (at > MOST_S)
      return sb_err_set(err, SB_EINVAL,
                        "at %g requests a second request %u would go out in over a hundred years", rate,
                        i + 1);
    offsets_ns[i] = (int64_t)llround(at * (double)SB_NS_PER_S);
    double gap = 1;
    if (kind == SB_ARRIVALS_POISSON)
      gap = sb_rng_exponential(&rng);
    else if (kind == SB_ARRIVALS_GAMMA)
      gap = sb_rng_gamma(&rng, burstiness) / burstiness;
    at += gap / rate;
  }
  return SB_OK;
}
