/* What a C program does with files, through libc: reads stdin to its end, writes a file, reads it back, lists a folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  printf("%d arguments, the last is %s; HOME is %s\n", argc, argv[argc - 1], getenv("HOME") ? getenv("HOME") : "unset");
  int c, count = 0;
  while ((c = getchar()) != EOF) count++;
  printf("%d bytes on stdin\n", count);
  if (mkdir("/out", 0777) && errno != EEXIST) return perror("mkdir"), 1;
  FILE *file = fopen("/out/note.txt", "w");
  if (!file) return perror("fopen"), 1;
  for (int i = 0; i < 1000; i++) fprintf(file, "line %d\n", i);
  fclose(file);
  struct stat status;
  if (stat("/out/note.txt", &status)) return perror("stat"), 1;
  printf("note.txt has %lld bytes\n", (long long)status.st_size);
  file = fopen("/out/note.txt", "r");
  fseek(file, -9, SEEK_END);
  char line[32];
  fgets(line, sizeof line, file);
  printf("its last line is %s", line);
  fclose(file);
  if (rename("/out/note.txt", "/out/kept.txt")) return perror("rename"), 1;
  DIR *dir = opendir("/out");
  if (!dir) return perror("opendir"), 1;
  for (struct dirent *entry; (entry = readdir(dir));)
    if (entry->d_name[0] != '.') printf("in /out: %s\n", entry->d_name);
  closedir(dir);
  if (open("/missing", O_RDONLY) >= 0 || errno != ENOENT) return 1;
  if (open("/../etc/passwd", O_RDONLY) >= 0) return 1;
  struct timespec nap = {0, 1000000};
  nanosleep(&nap, 0);
  fprintf(stderr, "done\n");
  return 7;
}
