#ifndef SB_HANDLES_H
#define SB_HANDLES_H

#include <uv.h>

/* The libuv handles of one owner, which libuv closes in its own time: the owner is freed once the last of them is
 * closed and the owner itself, which counts as one, has let go. Embedded. For folders that stand on libuv: the library
 * of base/ has nothing of it. */
typedef struct sb_handles {
  unsigned open;
  void (*free)(void *owner);
  void *owner;
} sb_handles;

/* `count`: handles that are there from the beginning; the owner's hold is added. */
static inline sb_handles sb_handles_of(void *owner, unsigned count, void (*free)(void *owner))
{
  return (sb_handles){ count + 1, free, owner };
}

/* One more handle was initialised; one was closed, or the owner lets go. */
static inline void sb_handles_add(sb_handles *handles)
{
  handles->open++;
}

static inline void sb_handles_drop(sb_handles *handles)
{
  if (--handles->open == 0)
    handles->free(handles->owner);
}

static inline void sb_handles_on_closed(uv_handle_t *handle)
{
  sb_handles_drop(handle->data);
}

/* Closes one of them; its data is lost. */
static inline void sb_handles_close(sb_handles *handles, uv_handle_t *handle)
{
  handle->data = handles;
  uv_close(handle, sb_handles_on_closed);
}

#endif
