#include "net/timer.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

static void on_readable(uv_poll_t *poll, int status, int events)
{
  (void)status;
  (void)events;
  sb_timer *timer = poll->data;
  uint64_t expirations;
  /* nothing to read: it was armed again between the readiness and now */
  if (read(timer->fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations)
    timer->on_time(timer);
}

int sb_timer_init(sb_timer *timer, uv_loop_t *loop, void (*on_time)(sb_timer *timer), sb_err *err)
{
  timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer->fd < 0)
    return sb_err_sys(err, errno, "no timer to be had");
  int rc = uv_poll_init(loop, &timer->poll, timer->fd);
  if (rc) {
    close(timer->fd);
    return sb_err_sys(err, -rc, "no timer to be had");
  }
  timer->poll.data = timer;
  timer->on_time = on_time;
  uv_poll_start(&timer->poll, UV_READABLE, on_readable);
  return SB_OK;
}

static void set(sb_timer *timer, int64_t at_ns)
{
  struct itimerspec spec = { .it_value = { .tv_sec = at_ns / SB_NS_PER_S, .tv_nsec = at_ns % SB_NS_PER_S } };
  timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void sb_timer_at(sb_timer *timer, int64_t at_ns)
{
  set(timer, at_ns > 0 ? at_ns : 1); /* 0 would disarm */
}

void sb_timer_stop(sb_timer *timer)
{
  set(timer, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
  sb_timer *timer = handle->data;
  close(timer->fd);
  sb_handles_drop(timer->handles);
}

void sb_timer_close(sb_timer *timer, sb_handles *handles)
{
  timer->handles = handles;
  uv_close((uv_handle_t *)&timer->poll, on_poll_closed);
}
