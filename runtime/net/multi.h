#ifndef SB_MULTI_H
#define SB_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/handles.h"
#include "net/loop.h"

/* libcurl's multi handle on the event loop: its sockets and timeouts are the loop's, and it is never called from inside
 * one of its own callbacks. */

typedef struct sb_multi sb_multi;

/* A transfer has ended; it may be removed, and the multi handle closed, from here. `cause`: the errno of a descriptor
 * that was not to be had, or 0. */
typedef void (*sb_multi_end_fn)(CURL *easy, CURLcode code, int cause);

/* `handles` counts the libuv handles, and outlives the multi handle. NULL where libcurl has none to give. */
sb_multi *sb_multi_open(sb_loop *loop, sb_handles *handles, sb_multi_end_fn on_end);

/* After every transfer was removed. Memory goes in libuv's close callbacks. */
void sb_multi_close(sb_multi *multi);

/* Begins at once instead of in the loop's next turn; on_end comes from there all the same. */
CURLMcode sb_multi_add(sb_multi *multi, CURL *easy);

/* `running`: it was added, and on_end was not called. */
void sb_multi_remove(sb_multi *multi, CURL *easy, bool running);

#endif
