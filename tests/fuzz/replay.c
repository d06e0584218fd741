#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

/* A fuzz target without a fuzzer: replay FOLDER runs it over every file there. A target that finds something
 * aborts. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const char *path)
{
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *data = sb_alloc(size); /* of exactly its size, for the sanitizers */
  if (fread(data, 1, size, file) != size) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  fclose(file);
  LLVMFuzzerTestOneInput(data, size);
  free(data);
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fputs("usage: replay FOLDER\n", stderr);
    return 2;
  }
  struct dirent **entries;
  int count = scandir(argv[1], &entries, NULL, alphasort), files = 0;
  if (count < 0) {
    perror(argv[1]);
    return EXIT_FAILURE;
  }
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] != '.') {
      sb_strbuf path = { 0 };
      sb_strbuf_printf(&path, "%s/%s", argv[1], entries[i]->d_name);
      printf("%s\n", path.data);
      fflush(stdout); /* the last line names the input that aborted */
      run(path.data);
      sb_strbuf_deinit(&path);
      files++;
    }
    free(entries[i]);
  }
  free(entries);
  printf("%d inputs\n", files);
  return files ? EXIT_SUCCESS : EXIT_FAILURE;
}
