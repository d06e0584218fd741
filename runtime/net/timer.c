#include "net/timer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

static void on_ready(sb_source *source, uint32_t events)
{
  (void)events;
  sb_timer *timer = (sb_timer *)source;
  uint64_t expirations;
  /* nothing to read: it was armed again between the readiness and now */
  if (read(source->fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations)
    timer->on_time(timer);
}

int sb_timer_init(sb_timer *timer, sb_loop *loop, void (*on_time)(sb_timer *timer), sb_err *err)
{
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0)
    return sb_err_sys(err, errno, "no timer to be had");
  timer->source.on_ready = on_ready;
  if (!sb_loop_watch(loop, &timer->source, fd, EPOLLIN | EPOLLET)) {
    int rc = sb_err_sys(err, errno, "no timer to be had");
    close(fd);
    return rc;
  }
  timer->loop = loop;
  timer->on_time = on_time;
  sb_loop_hold(loop);
  return SB_OK;
}

static void set(sb_timer *timer, int64_t at_ns)
{
  struct itimerspec spec = { .it_value = { .tv_sec = at_ns / SB_NS_PER_S, .tv_nsec = at_ns % SB_NS_PER_S } };
  timerfd_settime(timer->source.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void sb_timer_at(sb_timer *timer, int64_t at_ns)
{
  set(timer, at_ns > 0 ? at_ns : 1); /* 0 would disarm */
}

void sb_timer_stop(sb_timer *timer)
{
  set(timer, 0);
}

void sb_timer_close(sb_timer *timer)
{
  int fd = timer->source.fd;
  sb_loop_unwatch(timer->loop, &timer->source);
  close(fd);
  sb_loop_let_go(timer->loop);
}
