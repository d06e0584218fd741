#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "sbl.h"
#include "store/codec.h"
#include "store/file.h"
#include "store/planes.h"

/* sb.fs: files that survive a kill, and the few questions about paths and terminals that scripts ask. */

#define INFLATED_MOST (1 << 30) /* bytes: whatever a file from elsewhere says, memory holds it */

#define LOCK_TYPE "specbench.fs.lock"

static int answer(lua_State *L, int rc, const sb_err *err)
{
  if (rc)
    return sbl_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int answer_text(lua_State *L, int rc, sb_strbuf *out, const sb_err *err)
{
  return rc ? sbl_fail(L, err) : sbl_push_text(L, out);
}

static int write_file(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *path = sbl_check_name(L, 1), *data = luaL_checklstring(L, 2, &size);
  return answer(L, sb_file_write(path, data, size, &err), &err);
}

static int put_file(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *path = sbl_check_name(L, 1), *data = luaL_checklstring(L, 2, &size);
  return answer(L, sb_file_put(path, data, size, &err), &err);
}

static int append_file(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *path = sbl_check_name(L, 1), *data = luaL_checklstring(L, 2, &size);
  return answer(L, sb_file_append(path, data, size, &err), &err);
}

static int read_file(lua_State *L)
{
  sb_err err;
  const char *path = sbl_check_name(L, 1);
  sb_strbuf *out = sbl_push_buffer(L);
  return answer_text(L, sb_file_read(path, out, &err), out, &err);
}

/* temporary() -> path of an empty file */
static int temporary_file(lua_State *L)
{
  sb_err err;
  sb_strbuf *out = sbl_push_buffer(L);
  return answer_text(L, sb_file_temporary(out, &err), out, &err);
}

static int make_folder(lua_State *L)
{
  sb_err err;
  return answer(L, sb_folder_make(sbl_check_name(L, 1), &err), &err);
}

static int commit_folder(lua_State *L)
{
  sb_err err;
  return answer(L, sb_folder_commit(sbl_check_name(L, 1), sbl_check_name(L, 2), &err), &err);
}

/* claim(folder) -> true for one of several that try, else nil, message, "state" */
static int claim_folder(lua_State *L)
{
  sb_err err;
  return answer(L, sb_folder_claim(sbl_check_name(L, 1), &err), &err);
}

static int link_file(lua_State *L)
{
  sb_err err;
  return answer(L, sb_file_link(sbl_check_name(L, 1), sbl_check_name(L, 2), &err), &err);
}

static int touch_file(lua_State *L)
{
  sb_err err;
  return answer(L, sb_file_touch(sbl_check_name(L, 1), &err), &err);
}

static int sync_folder(lua_State *L)
{
  sb_err err;
  return answer(L, sb_folder_sync(sbl_check_name(L, 1), &err), &err);
}

/* durable(on): whether what is written is synced at once; for results that can be made again in no time */
static int set_durable(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  sb_file_set_durable(lua_toboolean(L, 1));
  return 0;
}

static int remove_tree(lua_State *L)
{
  sb_err err;
  return answer(L, sb_tree_remove(sbl_check_name(L, 1), &err), &err);
}

/* Appends the sorted names in a folder, each with its terminating zero. */
static int list_names(const char *path, sb_strbuf *names, sb_err *err)
{
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, alphasort);
  if (count < 0)
    return sb_err_sys(err, errno, "cannot list %s", path);
  for (int i = 0; i < count; i++) {
    const char *name = entries[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
      sb_strbuf_append(names, name, strlen(name) + 1);
    free(entries[i]);
  }
  free(entries);
  return SB_OK;
}

/* list(folder) -> sorted names, without . and .. */
static int list(lua_State *L)
{
  sb_err err;
  const char *path = sbl_check_name(L, 1);
  sb_strbuf *names = sbl_push_buffer(L);
  if (list_names(path, names, &err))
    return sbl_fail(L, &err);
  lua_newtable(L);
  lua_Integer n = 0;
  for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1) {
    lua_pushstring(L, names->data + at);
    lua_rawseti(L, -2, ++n);
  }
  sb_strbuf_deinit(names);
  return 1;
}

/* stat(path) -> { type = "file" | "folder" | "other", size, mtime, changed_ns, mode, inode }, or nil where there is
 * nothing */
static int stat_path(lua_State *L)
{
  struct stat st;
  if (stat(sbl_check_name(L, 1), &st)) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 6);
  sbl_set_integer(L, "inode", (lua_Integer)st.st_ino);
  sbl_set_integer(L, "mode", st.st_mode & 07777);
  lua_pushstring(L, S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "folder" : "other");
  lua_setfield(L, -2, "type");
  sbl_set_integer(L, "size", st.st_size);
  sbl_set_integer(L, "mtime", st.st_mtime);
  sbl_set_integer(L, "changed_ns", (lua_Integer)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
  return 1;
}

static int is_link(lua_State *L)
{
  struct stat st;
  lua_pushboolean(L, lstat(sbl_check_name(L, 1), &st) == 0 && S_ISLNK(st.st_mode));
  return 1;
}

static int is_executable(lua_State *L)
{
  lua_pushboolean(L, access(sbl_check_name(L, 1), X_OK) == 0);
  return 1;
}

static int real_path(lua_State *L)
{
  char resolved[PATH_MAX];
  const char *path = sbl_check_name(L, 1);
  if (!realpath(path, resolved)) {
    sb_err err;
    sb_err_sys(&err, errno, "%s", path);
    return sbl_fail(L, &err);
  }
  lua_pushstring(L, resolved);
  return 1;
}

static int gzip(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  sb_strbuf *out = sbl_push_buffer(L);
  return answer_text(L, sb_gzip(data, size, out, &err), out, &err);
}

static size_t check_most(lua_State *L, int arg)
{
  lua_Integer most = luaL_optinteger(L, arg, INFLATED_MOST);
  luaL_argcheck(L, most >= 0, arg, "a number of bytes expected");
  return (size_t)most;
}

static int gunzip(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  size_t most = check_most(L, 2);
  sb_strbuf *out = sbl_push_buffer(L);
  return answer_text(L, sb_gunzip(data, size, most, out, &err), out, &err);
}

static int gzip_planes(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  sb_strbuf *planes = sbl_push_buffer(L), *out = sbl_push_buffer(L);
  sb_planes_split(data, size, planes);
  return answer_text(L, sb_gzip(planes->data, planes->size, out, &err), out, &err);
}

static int gunzip_planes(lua_State *L)
{
  sb_err err;
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  size_t most = check_most(L, 2);
  sb_strbuf *planes = sbl_push_buffer(L), *out = sbl_push_buffer(L);
  int rc = sb_gunzip(data, size, most, planes, &err);
  if (!rc)
    rc = sb_planes_join(planes->data, planes->size, out, &err);
  return answer_text(L, rc, out, &err);
}

static int sha256(lua_State *L)
{
  char hex[65];
  sb_err err;
  size_t size;
  const char *data = luaL_checklstring(L, 1, &size);
  if (sb_sha256(data, size, hex, &err))
    return luaL_error(L, "%s", err.text);
  lua_pushstring(L, hex);
  return 1;
}

static int sha256_file(lua_State *L)
{
  char hex[65];
  sb_err err;
  if (sb_sha256_file(sbl_check_name(L, 1), hex, &err))
    return sbl_fail(L, &err);
  lua_pushstring(L, hex);
  return 1;
}

/* lock(path) -> a lock that is given back by close or collection, or nil, message, "state" where taken */
static int lock(lua_State *L)
{
  sb_err err;
  const char *path = sbl_check_name(L, 1);
  int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
  *fd = -1;
  luaL_setmetatable(L, LOCK_TYPE);
  return sb_file_lock(path, fd, &err) ? sbl_fail(L, &err) : 1;
}

static int unlock(lua_State *L)
{
  int *fd = luaL_checkudata(L, 1, LOCK_TYPE);
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
  return 0;
}

/* is_terminal(file) -> whether a Lua file (io.stdout, io.stderr) is one, and how many columns and rows it has */
static int is_terminal(lua_State *L)
{
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  luaL_argcheck(L, stream->closef, 1, "the file is closed");
  int fd = fileno(stream->f);
  struct winsize size = { 0 };
  bool known = ioctl(fd, TIOCGWINSZ, &size) == 0;
  lua_pushboolean(L, isatty(fd));
  lua_pushinteger(L, known && size.ws_col ? size.ws_col : 80);
  lua_pushinteger(L, known && size.ws_row ? size.ws_row : 24);
  return 3;
}

static int hostname(lua_State *L)
{
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  lua_pushstring(L, name);
  return 1;
}

int sbl_open_fs(lua_State *L)
{
  static const luaL_Reg lock_methods[] = {
    { "close", unlock }, { "__close", unlock }, { "__gc", unlock }, { NULL, NULL }
  };
  static const luaL_Reg functions[] = { { "write", write_file },
                                        { "put", put_file },
                                        { "append", append_file },
                                        { "read", read_file },
                                        { "temporary", temporary_file },
                                        { "mkdir", make_folder },
                                        { "commit", commit_folder },
                                        { "claim", claim_folder },
                                        { "link", link_file },
                                        { "touch", touch_file },
                                        { "remove", remove_tree },
                                        { "list", list },
                                        { "stat", stat_path },
                                        { "is_link", is_link },
                                        { "is_executable", is_executable },
                                        { "realpath", real_path },
                                        { "gzip", gzip },
                                        { "gunzip", gunzip },
                                        { "gzip_planes", gzip_planes },
                                        { "gunzip_planes", gunzip_planes },
                                        { "sha256", sha256 },
                                        { "sha256_file", sha256_file },
                                        { "lock", lock },
                                        { "is_terminal", is_terminal },
                                        { "hostname", hostname },
                                        { "sync", sync_folder },
                                        { "durable", set_durable },
                                        { NULL, NULL } };
  sbl_type(L, LOCK_TYPE, lock_methods);
  luaL_newlib(L, functions);
  return 1;
}
