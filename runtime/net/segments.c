#include "net/segments.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool sb_segments_received(int socket, uint32_t *segments, uint64_t *bytes)
{
  struct tcp_info info;
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) ||
      size < offsetof(struct tcp_info, tcpi_data_segs_in) + sizeof info.tcpi_data_segs_in)
    return false;
  *segments = info.tcpi_data_segs_in;
  *bytes = info.tcpi_bytes_received;
  return true;
}
