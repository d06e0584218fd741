/* LD_PRELOAD: allocations told apart by the call stack that they come from.
 * FAIL_STACKS names a file into which every stack and how often it allocated is written, a line "STACK COUNT FRAIL"
 * each, the last 1 where a library is in it that ends the program by itself for want of memory: OpenSSL as it begins (a
 * signal), lua-cjson (its buffer's own exit).
 * FAIL_STACK and FAIL_NTH: the allocation that fails, with FAIL_COUNT - 1 more after it. Stacks are named by offsets
 * in their modules, so that a name holds from one run to the next. Only of the program that it is loaded into. */

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH = 8, SKIPPED = 2, MODULES = 64, TABLE = 1 << 16, ARENA = 1 << 22 };

typedef struct module {
  uintptr_t from, to;
  uint64_t name;
  int frail;
} module;

typedef struct entry {
  uint64_t stack;
  unsigned long count;
  int frail;
} entry;

static module modules[MODULES];
static int module_count;
static entry table[TABLE];
static unsigned long fail_nth, fail_count, failing;
static int spent; /* it has failed: nothing is counted any more */
static uint64_t fail_stack;
static char report[256];
static pid_t owner;
static int begun, ready;
static __thread int inside; /* of the unwinder, of dlsym: they allocate too */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Until the program begins: the next malloc is not known yet, or a sanitizer's own is not ready for use. */
static char arena[ARENA] __attribute__((aligned(16)));
static size_t arena_used;

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

static uint64_t mix(uint64_t hash, uint64_t value)
{
  return (hash ^ value) * 0x100000001b3u;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *data)
{
  (void)size;
  (void)data;
  uintptr_t from = UINTPTR_MAX, to = 0;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD) {
      uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      from = at < from ? at : from;
      to = at + info->dlpi_phdr[i].p_memsz > to ? at + info->dlpi_phdr[i].p_memsz : to;
    }
  const char *slash = strrchr(info->dlpi_name, '/');
  uint64_t name = 0xcbf29ce484222325u;
  const char *file = slash ? slash : info->dlpi_name;
  for (const char *c = file; *c; c++)
    name = mix(name, (unsigned char)*c);
  if (module_count < MODULES)
    modules[module_count++] =
        (module){ from, to, name, !strncmp(file, "/libcrypto.", 11) || !strcmp(file, "/cjson.so") };
  return 0;
}

static const module *module_of(uintptr_t at)
{
  for (int fresh = 0; fresh < 2; fresh++) {
    for (int i = 0; i < module_count; i++)
      if (at >= modules[i].from && at < modules[i].to)
        return &modules[i];
    module_count = 0; /* another was loaded since */
    dl_iterate_phdr(add_module, NULL);
  }
  return NULL;
}

static uint64_t stack_here(int *frail)
{
  void *frames[DEPTH + SKIPPED];
  int depth = backtrace(frames, DEPTH + SKIPPED);
  uint64_t hash = 0xcbf29ce484222325u;
  for (int i = SKIPPED; i < depth; i++) {
    const module *m = module_of((uintptr_t)frames[i]);
    *frail |= m && m->frail;
    hash = mix(mix(hash, m ? m->name : 0), m ? (uintptr_t)frames[i] - m->from : 0);
  }
  return hash ? hash : 1;
}

static int fails(void)
{
  if (!ready || inside || spent || getpid() != owner)
    return 0;
  inside = 1;
  pthread_mutex_lock(&lock);
  int result = 0;
  if (failing) {
    spent = --failing == 0;
    result = 1;
  } else {
    int frail = 0;
    uint64_t stack = stack_here(&frail);
    entry *e = &table[stack % TABLE];
    for (int i = 0; i < 64 && e->stack && e->stack != stack; i++)
      e = &table[(size_t)(e - table + 1) % TABLE];
    if (!e->stack || e->stack == stack) {
      e->stack = stack;
      e->frail = frail;
      if (++e->count == fail_nth && stack == fail_stack) {
        result = 1;
        failing = fail_count > 0 ? fail_count - 1 : 0;
        spent = !failing;
      }
    }
  }
  pthread_mutex_unlock(&lock);
  inside = 0;
  if (result)
    errno = ENOMEM;
  return result;
}

static void find_next(void)
{
  next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
  next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
  next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

static void *take(size_t size)
{
  size_t at = arena_used;
  arena_used += (size + 31) & ~(size_t)15;
  return arena_used <= ARENA ? arena + at : NULL;
}

static int in_arena(const void *block)
{
  return (const char *)block >= arena && (const char *)block < arena + ARENA;
}

void *malloc(size_t size)
{
  if (!begun)
    return take(size);
  return fails() ? NULL : next_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  if (!begun)
    return take(count * size);
  return fails() ? NULL : next_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
  if (!begun || in_arena(block)) {
    void *other = begun ? next_malloc(size) : take(size);
    if (other && block)
      memmove(other, block, size); /* the arena is longer than any of its blocks */
    return other;
  }
  return fails() ? NULL : next_realloc(block, size);
}

void free(void *block)
{
  if (block && !in_arena(block))
    next_free(block);
}

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("FAIL_STACKS"), *stack = getenv("FAIL_STACK"), *nth = getenv("FAIL_NTH"),
             *count = getenv("FAIL_COUNT");
  void *frames[4];
  find_next();
  begun = 1;
  backtrace(frames, 4); /* loads the unwinder */
  snprintf(report, sizeof report, "%s", path ? path : "");
  fail_stack = stack ? strtoull(stack, NULL, 16) : 0;
  fail_nth = nth ? strtoul(nth, NULL, 10) : 0;
  fail_count = count ? strtoul(count, NULL, 10) : 1;
  owner = getpid();
  unsetenv("LD_PRELOAD");
  ready = 1;
}

__attribute__((destructor)) static void end(void)
{
  ready = 0;
  int fd = report[0] && getpid() == owner ? open(report, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
  for (size_t i = 0; fd >= 0 && i < TABLE; i++)
    if (table[i].stack)
      dprintf(fd, "%016llx %lu %d\n", (unsigned long long)table[i].stack, table[i].count, table[i].frail);
  if (fd >= 0)
    close(fd);
}
