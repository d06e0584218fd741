#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/codec.h"
#include "store/file.h"

static char folder[1024];

static int make_folder(void **state)
{
  (void)state;
  const char *parent = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/specbench-file-XXXXXX", parent ? parent : P_tmpdir);
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  return sb_tree_remove(folder, NULL);
}

/* `name` inside the test's folder; four may be in use at once. */
static const char *in(const char *name)
{
  static char paths[4][PATH_MAX];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, PATH_MAX, "%s/%s", folder, name);
  return path;
}

static void assert_content(const char *path, const char *want, size_t size)
{
  sb_strbuf out = { 0 };
  sb_err err = { 0 };
  if (sb_file_read(path, &out, &err))
    fail_msg("%s", err.text);
  assert_int_equal(out.size, size);
  if (size)
    assert_memory_equal(out.data, want, size);
  sb_strbuf_deinit(&out);
}

static int entries(void)
{
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  while (readdir(dir))
    count++;
  closedir(dir);
  return count - 2;
}

static void a_file_is_replaced_as_a_whole_and_nothing_else_is_left(void **state)
{
  (void)state;
  assert_int_equal(sb_file_write(in("a"), "first\0one", 9, NULL), 0);
  assert_content(in("a"), "first\0one", 9);
  assert_int_equal(sb_file_write(in("a"), "2", 1, NULL), 0);
  assert_content(in("a"), "2", 1);
  assert_int_equal(sb_file_write(in("a"), NULL, 0, NULL), 0);
  assert_content(in("a"), "", 0);
  assert_int_equal(entries(), 1);
}

static void a_file_of_some_megabytes_reads_back(void **state)
{
  (void)state;
  size_t size = 3 * 1024 * 1024 + 17;
  char *data = sb_alloc(size);
  for (size_t i = 0; i < size; i++)
    data[i] = (char)(i * i >> 7);
  assert_int_equal(sb_file_write(in("big"), data, size, NULL), 0);
  assert_content(in("big"), data, size);
  free(data);
}

static void reading_appends_to_what_the_buffer_holds(void **state)
{
  (void)state;
  sb_strbuf out = { 0 };
  sb_file_write(in("a"), "tail", 4, NULL);
  sb_strbuf_puts(&out, "head ");
  assert_int_equal(sb_file_read(in("a"), &out, NULL), 0);
  assert_string_equal(out.data, "head tail");
  sb_strbuf_deinit(&out);
}

static void a_pipe_without_writer_is_empty_and_what_never_ends_fails(void **state)
{
  (void)state;
  sb_err err = { 0 };
  sb_strbuf out = { 0 };
  char digest[65];
  assert_int_equal(mkfifo(in("pipe"), 0600), 0);
  assert_int_equal(sb_file_read(in("pipe"), &out, &err), 0);
  assert_int_equal(out.size, 0);
  assert_int_equal(sb_sha256_file(in("pipe"), digest, &err), SB_EIO);
  assert_non_null(strstr(err.text, "no regular file"));
  assert_int_equal(sb_file_read("/dev/zero", &out, &err), SB_EIO);
  assert_non_null(strstr(err.text, "no file and gives more than 256 MiB"));
  sb_strbuf_deinit(&out);
}

static void lines_are_appended_and_the_file_is_made(void **state)
{
  (void)state;
  assert_int_equal(sb_file_append(in("log"), "one\n", 4, NULL), 0);
  assert_int_equal(sb_file_append(in("log"), "two\n", 4, NULL), 0);
  assert_content(in("log"), "one\ntwo\n", 8);
}

static void a_failure_names_the_path_and_the_reason(void **state)
{
  (void)state;
  sb_err err = { 0 };
  sb_strbuf out = { 0 };
  assert_int_equal(sb_file_write(in("no/such/file"), "x", 1, &err), SB_EIO);
  assert_non_null(strstr(err.text, "no/such/file: No such file"));
  assert_int_equal(sb_file_read(in("gone"), &out, &err), SB_EIO);
  assert_non_null(strstr(err.text, "gone: No such file"));
  assert_int_equal(sb_file_read(folder, &out, &err), SB_EIO);
  assert_non_null(strstr(err.text, "Is a directory"));
  assert_int_equal(sb_file_append(folder, "x", 1, &err), SB_EIO);
  sb_strbuf_deinit(&out);
}

static void a_write_that_fails_leaves_the_old_file_and_no_temporary(void **state)
{
  (void)state;
  sb_err err = { 0 };
  sb_folder_make(in("target"), NULL);
  sb_file_write(in("target/kept"), "old", 3, NULL);
  assert_int_equal(sb_file_write(in("target"), "x", 1, &err), SB_EIO); /* a folder cannot be renamed over */
  assert_content(in("target/kept"), "old", 3);
  assert_int_equal(entries(), 1);
}

static void a_pipe_is_written_to_and_never_replaced(void **state)
{
  (void)state;
  struct stat st;
  sb_err err;
  const char *pipe = in("pipe");
  assert_int_equal(mkfifo(pipe, 0600), 0);
  int (*const ways[])(const char *, const void *, size_t, sb_err *) = { sb_file_write, sb_file_put,
                                                                        sb_file_append };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    assert_int_not_equal(ways[i](pipe, "x", 1, &err), 0); /* nobody reads: an error, no wait */
    assert_non_null(strstr(err.text, pipe));
  }
  int reader = open(pipe, O_RDONLY | O_NONBLOCK);
  assert_true(reader >= 0);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    char got[8] = "";
    assert_int_equal(ways[i](pipe, "hello", 5, &err), 0);
    assert_int_equal(read(reader, got, sizeof got - 1), 5);
    assert_string_equal(got, "hello");
  }
  close(reader);
  assert_int_equal(stat(pipe, &st), 0);
  assert_true(S_ISFIFO(st.st_mode));
}

static void on_alarm(int number)
{
  (void)number;
}

/* As Ctrl-C does: whoever waits for a pipe to be read must be able to give up. */
static void a_signal_ends_the_wait_for_a_reader_that_takes_nothing(void **state)
{
  (void)state;
  enum { MORE_THAN_A_PIPE_HOLDS = 4 << 20 };
  static char data[MORE_THAN_A_PIPE_HOLDS];
  const struct sigaction noted = { .sa_handler = on_alarm };
  const struct itimerval again = { .it_interval.tv_usec = 20000, .it_value.tv_usec = 20000 }, never = { 0 };
  struct sigaction before;
  sb_err err = { 0 };
  const char *pipe = in("pipe");
  assert_int_equal(mkfifo(pipe, 0600), 0);
  int reader = open(pipe, O_RDONLY | O_NONBLOCK);
  assert_int_equal(sigaction(SIGALRM, &noted, &before), 0);
  assert_int_equal(setitimer(ITIMER_REAL, &again, NULL), 0);
  assert_int_equal(sb_file_append(pipe, data, sizeof data, &err), SB_EIO);
  setitimer(ITIMER_REAL, &never, NULL);
  sigaction(SIGALRM, &before, NULL);
  assert_int_equal(err.sys_errno, EINTR);
  close(reader);
}

enum { WRITERS = 4, TIMES = 200 };

static char contested[PATH_MAX];

static void *write_again_and_again(void *text)
{
  for (int i = 0; i < TIMES; i++)
    if (sb_file_write(contested, text, strlen(text), NULL))
      return text;
  return NULL;
}

static void writers_with_one_process_number_do_not_meet(void **state)
{
  (void)state;
  char texts[WRITERS][8192];
  pthread_t threads[WRITERS];
  snprintf(contested, sizeof contested, "%s", in("one"));
  sb_file_set_durable(false);
  for (int i = 0; i < WRITERS; i++) {
    memset(texts[i], 'a' + i, sizeof texts[i] - 1);
    texts[i][sizeof texts[i] - 1] = '\0';
    assert_int_equal(pthread_create(&threads[i], NULL, write_again_and_again, texts[i]), 0);
  }
  for (int i = 0; i < WRITERS; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  sb_file_set_durable(true);
  sb_strbuf whole = { 0 };
  assert_int_equal(sb_file_read(contested, &whole, NULL), 0);
  assert_int_equal(whole.size, sizeof texts[0] - 1);
  assert_int_equal(strspn(whole.data, (char[]){ whole.data[0], '\0' }), whole.size);
  sb_strbuf_deinit(&whole);
}

static void a_temporary_file_is_made_where_there_is_a_folder_for_it(void **state)
{
  (void)state;
  const char *kept = getenv("TMPDIR");
  sb_strbuf path = { 0 }, other = { 0 };
  setenv("TMPDIR", in("none"), 1);
  assert_int_equal(sb_file_temporary(&path, NULL), 0); /* the next folder of the list */
  assert_int_equal(unlink(path.data), 0);
  setenv("TMPDIR", folder, 1);
  assert_int_equal(sb_file_temporary(&path, NULL), 0);
  assert_int_equal(sb_file_temporary(&other, NULL), 0);
  assert_memory_equal(path.data, folder, strlen(folder));
  assert_string_not_equal(path.data, other.data);
  assert_content(path.data, "", 0);
  unlink(path.data);
  unlink(other.data);
  if (kept)
    setenv("TMPDIR", kept, 1);
  else
    unsetenv("TMPDIR");
  sb_strbuf_deinit(&path);
  sb_strbuf_deinit(&other);
}

static void a_path_too_long_is_refused(void **state)
{
  (void)state;
  char *path = sb_alloc(2 * PATH_MAX);
  memset(path, 'p', 2 * PATH_MAX - 1);
  path[2 * PATH_MAX - 1] = '\0';
  sb_err err = { 0 };
  assert_int_equal(sb_file_write(path, "x", 1, &err), SB_EINVAL);
  assert_int_equal(sb_folder_make(path, &err), SB_EINVAL);
  assert_int_equal(sb_folder_make("", &err), SB_EINVAL);
  free(path);
}

static void folders_are_made_with_their_parents(void **state)
{
  (void)state;
  struct stat st;
  assert_int_equal(sb_folder_make(in("a/b/c/"), NULL), 0);
  assert_int_equal(sb_folder_make(in("a/b/c"), NULL), 0);
  assert_int_equal(stat(in("a/b/c"), &st), 0);
  assert_true(S_ISDIR(st.st_mode));
  assert_int_equal(sb_folder_make("/", NULL), 0);
}

static void a_file_in_the_way_of_a_folder_is_named(void **state)
{
  (void)state;
  sb_err err = { 0 };
  sb_file_write(in("f"), "x", 1, NULL);
  assert_int_equal(sb_folder_make(in("f"), &err), SB_EIO);
  assert_non_null(strstr(err.text, "/f"));
  assert_int_equal(sb_folder_make(in("f/g"), &err), SB_EIO);
}

static void a_finished_folder_moves_into_place(void **state)
{
  (void)state;
  sb_err err = { 0 };
  sb_folder_make(in("tmp/x"), NULL);
  sb_file_write(in("tmp/x/data"), "1", 1, NULL);
  sb_folder_make(in("done"), NULL);
  assert_int_equal(sb_folder_commit(in("tmp/x"), in("done/x"), &err), 0);
  assert_content(in("done/x/data"), "1", 1);
  assert_int_equal(access(in("tmp/x"), F_OK), -1);
  sb_folder_make(in("tmp/x"), NULL);
  assert_int_equal(sb_folder_commit(in("tmp/x"), in("done/x"), &err), SB_EIO);
  assert_content(in("done/x/data"), "1", 1);
}

static void a_tree_is_removed_but_not_what_its_links_point_to(void **state)
{
  (void)state;
  sb_folder_make(in("kept"), NULL);
  sb_file_write(in("kept/data"), "1", 1, NULL);
  sb_folder_make(in("tree/deep/deeper"), NULL);
  sb_file_write(in("tree/deep/file"), "1", 1, NULL);
  assert_int_equal(symlink(in("kept"), in("tree/link")), 0);
  assert_int_equal(sb_tree_remove(in("tree"), NULL), 0);
  assert_int_equal(entries(), 1);
  assert_content(in("kept/data"), "1", 1);
  assert_int_equal(sb_tree_remove(in("tree"), NULL), 0);
}

/* In libc's place (store.cmake): what another process removes meanwhile. */
static const char *taken_away;
int __wrap_remove(const char *path);
int __real_remove(const char *path);

int __wrap_remove(const char *path)
{
  if (taken_away)
    __real_remove(taken_away);
  return __real_remove(path);
}

static void a_tree_that_two_remove_is_gone(void **state)
{
  (void)state;
  assert_int_equal(sb_folder_make(in("t/u"), NULL), 0);
  for (int i = 0; i < 4; i++) {
    char name[16];
    snprintf(name, sizeof name, "t/u/%d", i);
    sb_file_write(in(name), "x", 1, NULL);
  }
  taken_away = in("t/u/2"); /* before it is come to, wherever in the folder it stands */
  assert_int_equal(sb_tree_remove(in("t"), NULL), 0);
  taken_away = NULL;
  assert_int_equal(access(in("t"), F_OK), -1);
}

static void a_lock_is_held_by_one_and_dies_with_its_holder(void **state)
{
  (void)state;
  int ready[2], fd = -1;
  sb_err err = { 0 };
  assert_int_equal(pipe(ready), 0);
  pid_t holder = fork();
  assert_true(holder >= 0);
  if (holder == 0) {
    int held;
    char c = sb_file_lock(in("lock"), &held, NULL) ? 'n' : 'y';
    if (write(ready[1], &c, 1) != 1)
      _exit(1);
    pause();
  }
  char c = 0;
  assert_int_equal(read(ready[0], &c, 1), 1);
  assert_int_equal(c, 'y');
  assert_int_equal(sb_file_lock(in("lock"), &fd, &err), SB_ESTATE);
  assert_int_equal(fd, -1);
  assert_non_null(strstr(err.text, "/lock is locked by another specbench"));
  kill(holder, SIGKILL);
  assert_int_equal(waitpid(holder, NULL, 0), holder);
  assert_int_equal(sb_file_lock(in("lock"), &fd, &err), 0);
  close(fd);
  assert_int_equal(sb_file_lock(in("lock"), &fd, &err), 0);
  close(fd);
  assert_int_equal(sb_file_lock(in("no/lock"), &fd, &err), SB_EIO);
  close(ready[0]);
  close(ready[1]);
}

static void a_folder_is_claimed_by_one(void **state)
{
  (void)state;
  sb_err err = { 0 };
  assert_int_equal(sb_folder_claim(in("claim"), &err), 0);
  assert_int_equal(sb_folder_claim(in("claim"), &err), SB_ESTATE);
  assert_non_null(strstr(err.text, "/claim is taken"));
  assert_int_equal(sb_folder_claim(in("no/claim"), &err), SB_EIO);
  assert_non_null(strstr(err.text, "/no/claim"));
}

static void a_second_name_is_given_to_the_first_file_only(void **state)
{
  (void)state;
  sb_err err = { 0 };
  sb_file_write(in("a"), "a", 1, NULL);
  sb_file_write(in("b"), "b", 1, NULL);
  const char *a = in("a"), *done = in("done");
  assert_int_equal(sb_file_link(a, done, &err), 0);
  assert_int_equal(sb_file_link(a, done, &err), 0); /* an answer that was lost, asked for again */
  assert_int_equal(sb_file_link(in("b"), done, &err), SB_ESTATE);
  assert_non_null(strstr(err.text, "/done is taken"));
  assert_int_equal(sb_file_link(in("c"), done, &err), SB_EIO);
  sb_strbuf text = { 0 };
  assert_int_equal(sb_file_read(done, &text, &err), 0);
  assert_string_equal(text.data, "a");
  sb_strbuf_deinit(&text);
}

static void a_touch_sets_the_time_and_makes_nothing(void **state)
{
  (void)state;
  sb_err err = { 0 };
  assert_int_equal(sb_file_touch(in("f"), &err), SB_EIO);
  sb_file_write(in("f"), "x", 1, NULL);
  struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
  assert_int_equal(utimensat(AT_FDCWD, in("f"), old, 0), 0);
  assert_int_equal(sb_file_touch(in("f"), &err), 0);
  struct stat st;
  assert_int_equal(stat(in("f"), &st), 0);
  assert_true(st.st_mtime > 1000000000);
}

static void gzip_round_trips(void **state)
{
  (void)state;
  const size_t sizes[] = { 0, 1, 100, 65536, 200001 };
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    sb_strbuf packed = { 0 }, back = { 0 };
    char *data = sb_calloc(1, sizes[s]);
    for (size_t i = 0; i < sizes[s]; i++)
      data[i] = (char)(i % 7 ? i * 31 >> 3 : 'x');
    assert_int_equal(sb_gzip(data, sizes[s], &packed, NULL), 0);
    assert_memory_equal(packed.data, "\x1f\x8b", 2);
    assert_int_equal(sb_gunzip(packed.data, packed.size, sizes[s], &back, NULL), 0);
    assert_int_equal(back.size, sizes[s]);
    if (back.size)
      assert_memory_equal(back.data, data, back.size);
    free(data);
    sb_strbuf_deinit(&packed);
    sb_strbuf_deinit(&back);
  }
}

static void gzip_files_that_were_joined_are_read_to_the_end(void **state)
{
  (void)state;
  sb_strbuf packed = { 0 }, back = { 0 };
  for (const char *const *part = (const char *const[]){ "one\n", "", "two\n", NULL }; *part; part++)
    assert_int_equal(sb_gzip(*part, strlen(*part), &packed, NULL), 0);
  assert_int_equal(sb_gunzip(packed.data, packed.size, 8, &back, NULL), 0);
  assert_string_equal(back.data, "one\ntwo\n");
  assert_int_equal(sb_gunzip(packed.data, packed.size, 7, &back, NULL), SB_EPARSE); /* too long together */
  sb_strbuf_deinit(&packed);
  sb_strbuf_deinit(&back);
}

static void damaged_gzip_is_refused(void **state)
{
  (void)state;
  sb_strbuf packed = { 0 };
  const char text[] = "the same words, the same words, the same words";
  assert_int_equal(sb_gzip(text, sizeof text, &packed, NULL), 0);
  for (size_t size = 0; size < packed.size; size++) {
    sb_strbuf back = { 0 };
    sb_err err = { 0 };
    assert_int_equal(sb_gunzip(packed.data, size, sizeof text, &back, &err), SB_EPARSE);
    assert_true(err.text[0] != '\0');
    sb_strbuf_deinit(&back);
  }
  sb_strbuf back = { 0 };
  sb_strbuf_puts(&packed, "x"); /* behind the end */
  assert_int_equal(sb_gunzip(packed.data, packed.size, sizeof text, &back, NULL), SB_EPARSE);
  packed.size--;
  sb_strbuf_clear(&back);
  sb_err err = { 0 };
  assert_int_equal(sb_gunzip(packed.data, packed.size, sizeof text - 1, &back, &err),
                   SB_EPARSE); /* too long */
  assert_string_equal(err.text, "a gzip file of more than 46 bytes");
  sb_strbuf_clear(&back);
  packed.data[packed.size - 6] ^= 1; /* the checksum */
  assert_int_equal(sb_gunzip(packed.data, packed.size, sizeof text, &back, NULL), SB_EPARSE);
  sb_strbuf_deinit(&back);
  sb_strbuf_deinit(&packed);
}

/* The digests that FIPS 180-2 gives for its examples. */
static void digests_are_sha256(void **state)
{
  (void)state;
  const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  char hex[65];
  sb_err err = { 0 };
  assert_int_equal(sb_sha256("abc", 3, hex, &err), 0);
  assert_string_equal(hex, abc);
  assert_int_equal(sb_sha256("", 0, hex, &err), 0);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  sb_file_write(in("abc"), "abc", 3, NULL);
  assert_int_equal(sb_sha256_file(in("abc"), hex, &err), 0);
  assert_string_equal(hex, abc);
  assert_int_equal(sb_sha256_file(in("gone"), hex, &err), SB_EIO);
  assert_int_equal(sb_sha256_file(folder, hex, &err), SB_EIO);
}

/* In libcrypto's place (store.cmake). */
static const char *failing = "";
int __wrap_EVP_Digest(const void *data, size_t size, unsigned char *digest, unsigned *digest_size,
                      const EVP_MD *type, ENGINE *engine);
int __real_EVP_Digest(const void *data, size_t size, unsigned char *digest, unsigned *digest_size,
                      const EVP_MD *type, ENGINE *engine);
int __wrap_EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine);
int __real_EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine);
int __wrap_EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t size);
int __real_EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t size);
int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *digest_size);
int __real_EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *digest_size);

int __wrap_EVP_Digest(const void *data, size_t size, unsigned char *digest, unsigned *digest_size,
                      const EVP_MD *type, ENGINE *engine)
{
  return !strcmp(failing, "digest") ? 0 : __real_EVP_Digest(data, size, digest, digest_size, type, engine);
}

int __wrap_EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine)
{
  return !strcmp(failing, "init") ? 0 : __real_EVP_DigestInit_ex(context, type, engine);
}

int __wrap_EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t size)
{
  return !strcmp(failing, "update") ? 0 : __real_EVP_DigestUpdate(context, data, size);
}

int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *digest_size)
{
  return !strcmp(failing, "final") ? 0 : __real_EVP_DigestFinal_ex(context, digest, digest_size);
}

static void a_digest_that_fails_is_an_error(void **state)
{
  (void)state;
  char hex[65] = "untouched";
  sb_err err = { 0 };
  failing = "digest";
  assert_int_equal(sb_sha256("abc", 3, hex, &err), SB_EIO);
  assert_non_null(strstr(err.text, "SHA-256"));
  sb_file_write(in("abc"), "abc", 3, NULL);
  static const char *const steps[] = { "init", "update", "final" };
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    failing = steps[i];
    assert_int_equal(sb_sha256_file(in("abc"), hex, &err), SB_EIO);
  }
  assert_string_equal(hex, "untouched");
  failing = "";
  assert_int_equal(sb_sha256_file(in("abc"), hex, &err), SB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(a_file_is_replaced_as_a_whole_and_nothing_else_is_left),
    TEST(a_file_of_some_megabytes_reads_back),
    TEST(reading_appends_to_what_the_buffer_holds),
    TEST(a_pipe_without_writer_is_empty_and_what_never_ends_fails),
    TEST(lines_are_appended_and_the_file_is_made),
    TEST(a_failure_names_the_path_and_the_reason),
    TEST(a_write_that_fails_leaves_the_old_file_and_no_temporary),
    TEST(a_pipe_is_written_to_and_never_replaced),
    TEST(a_signal_ends_the_wait_for_a_reader_that_takes_nothing),
    TEST(writers_with_one_process_number_do_not_meet),
    TEST(a_temporary_file_is_made_where_there_is_a_folder_for_it),
    TEST(a_path_too_long_is_refused),
    TEST(folders_are_made_with_their_parents),
    TEST(a_file_in_the_way_of_a_folder_is_named),
    TEST(a_finished_folder_moves_into_place),
    TEST(a_tree_is_removed_but_not_what_its_links_point_to),
    TEST(a_tree_that_two_remove_is_gone),
    TEST(a_lock_is_held_by_one_and_dies_with_its_holder),
    TEST(a_folder_is_claimed_by_one),
    TEST(a_second_name_is_given_to_the_first_file_only),
    TEST(a_touch_sets_the_time_and_makes_nothing),
    TEST(gzip_round_trips),
    TEST(gzip_files_that_were_joined_are_read_to_the_end),
    TEST(damaged_gzip_is_refused),
    TEST(digests_are_sha256),
    TEST(a_digest_that_fails_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
