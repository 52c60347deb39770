/* Calls WASI functions as a script on stdin says, one line a call, and prints what came of each:
 *
 *     open 3 1 a.txt 1 66 0 0        ->  open 0 4         (errno, then results)
 *     read 4 10                      ->  read 8
 *
 * Words are separated by spaces; \x41 in a word is a byte, \e the empty word.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#define MOST 16
static char *word[MOST];
static int words;
static uint8_t buffer[1 << 16];

static uint64_t number(int i) { return i < words ? strtoull(word[i], 0, 0) : 0; }
static const char *text(int i) { return i < words ? word[i] : ""; }

static void unescape(char *s) {
  char *to = s;
  for (; *s; s++) {
    if (s[0] == '\\' && s[1] == 'x' && s[2] && s[3]) {
      char hex[3] = {s[2], s[3], 0};
      *to++ = (char)strtoul(hex, 0, 16);
      s += 3;
    } else if (s[0] == '\\' && s[1] == 'e') {
      s += 1;
    } else {
      *to++ = *s;
    }
  }
  *to = 0;
}

static void show(const uint8_t *data, size_t size) {
  putchar(' ');
  putchar('"');
  for (size_t i = 0; i < size; i++) {
    if (data[i] >= ' ' && data[i] < 127 && data[i] != '"' && data[i] != '\\')
      putchar(data[i]);
    else
      printf("\\x%02x", data[i]);
  }
  putchar('"');
}

static void show_stat(const __wasi_filestat_t *s) {
  /* inodes, devices and sizes of directories differ from one host to another */
  printf(" type=%d", s->filetype);
  if (s->filetype != __WASI_FILETYPE_DIRECTORY)
    printf(" size=%" PRIu64 " nlink=%" PRIu64, s->size, s->nlink);
}

static void show_times(const __wasi_filestat_t *s) {
  printf(" atim=%" PRIu64 " mtim=%" PRIu64, s->atim, s->mtim);
}

static bool is(const char *name) { return !strcmp(word[0], name); }

static void run(void) {
  __wasi_fd_t fd = (__wasi_fd_t)number(1), other;
  __wasi_size_t size = 0;
  __wasi_filesize_t at = 0;
  __wasi_filestat_t stat;
  __wasi_errno_t e = 0;
  printf("%s ", word[0]);
  if (is("open")) {
    e = __wasi_path_open(fd, (__wasi_lookupflags_t)number(2), text(3), (__wasi_oflags_t)number(4), number(5), number(6),
                         (__wasi_fdflags_t)number(7), &other);
    printf("%d", e);
    if (!e) printf(" %u", other);
  } else if (is("close")) {
    printf("%d", __wasi_fd_close(fd));
  } else if (is("read") || is("readv") || is("pread")) {
    /* readv in two parts, to have several iovecs */
    size_t n = number(2), part = is("readv") ? n / 2 : n;
    __wasi_iovec_t parts[3] = {{buffer, part}, {0, 0}, {buffer + part, n - part}};
    e = !is("pread") ? __wasi_fd_read(fd, parts, 3, &size) : __wasi_fd_pread(fd, parts, 3, number(3), &size);
    printf("%d", e);
    if (!e) show(buffer, size);
  } else if (is("write") || is("writev") || is("pwrite")) {
    size_t n = strlen(text(2)), part = is("writev") ? n / 2 : n;
    __wasi_ciovec_t parts[3] = {{(uint8_t *)text(2), part}, {0, 0}, {(uint8_t *)text(2) + part, n - part}};
    e = !is("pwrite") ? __wasi_fd_write(fd, parts, 3, &size) : __wasi_fd_pwrite(fd, parts, 3, number(3), &size);
    printf("%d", e);
    if (!e) printf(" %u", (unsigned)size);
  } else if (is("seek")) {
    e = __wasi_fd_seek(fd, (__wasi_filedelta_t)strtoll(text(2), 0, 0), (__wasi_whence_t)number(3), &at);
    printf("%d", e);
    if (!e) printf(" %" PRIu64, at);
  } else if (is("tell")) {
    e = __wasi_fd_tell(fd, &at);
    printf("%d", e);
    if (!e) printf(" %" PRIu64, at);
  } else if (is("stat") || is("stat_times")) {
    e = __wasi_fd_filestat_get(fd, &stat);
    printf("%d", e);
    if (!e) is("stat") ? show_stat(&stat) : show_times(&stat);
  } else if (is("path_stat") || is("path_stat_times")) {
    e = __wasi_path_filestat_get(fd, (__wasi_lookupflags_t)number(2), text(3), &stat);
    printf("%d", e);
    if (!e) is("path_stat") ? show_stat(&stat) : show_times(&stat);
  } else if (is("set_times")) {
    printf("%d", __wasi_fd_filestat_set_times(fd, number(2), number(3), (__wasi_fstflags_t)number(4)));
  } else if (is("path_set_times")) {
    printf("%d", __wasi_path_filestat_set_times(fd, (__wasi_lookupflags_t)number(2), text(3), number(4), number(5),
                                                (__wasi_fstflags_t)number(6)));
  } else if (is("set_size")) {
    printf("%d", __wasi_fd_filestat_set_size(fd, number(2)));
  } else if (is("allocate")) {
    printf("%d", __wasi_fd_allocate(fd, number(2), number(3)));
  } else if (is("advise")) {
    printf("%d", __wasi_fd_advise(fd, number(2), number(3), (__wasi_advice_t)number(4)));
  } else if (is("sync")) {
    printf("%d", __wasi_fd_sync(fd));
  } else if (is("datasync")) {
    printf("%d", __wasi_fd_datasync(fd));
  } else if (is("renumber")) {
    printf("%d", __wasi_fd_renumber(fd, (__wasi_fd_t)number(2)));
  } else if (is("fdstat")) {
    __wasi_fdstat_t s;
    e = __wasi_fd_fdstat_get(fd, &s);
    printf("%d", e);
    if (!e)
      printf(" type=%d flags=%d rights=%" PRIx64 " inheriting=%" PRIx64, s.fs_filetype, s.fs_flags, s.fs_rights_base,
             s.fs_rights_inheriting);
  } else if (is("fdtype")) {
    __wasi_fdstat_t s;
    e = __wasi_fd_fdstat_get(fd, &s);
    printf("%d", e);
    if (!e) printf(" type=%d flags=%d", s.fs_filetype, s.fs_flags);
  } else if (is("set_flags")) {
    printf("%d", __wasi_fd_fdstat_set_flags(fd, (__wasi_fdflags_t)number(2)));
  } else if (is("set_rights")) {
    printf("%d", __wasi_fd_fdstat_set_rights(fd, number(2), number(3)));
  } else if (is("prestat")) {
    __wasi_prestat_t s;
    e = __wasi_fd_prestat_get(fd, &s);
    printf("%d", e);
    if (!e && !(e = __wasi_fd_prestat_dir_name(fd, buffer, s.u.dir.pr_name_len))) show(buffer, s.u.dir.pr_name_len);
  } else if (is("readdir")) {
    /* the whole directory through a buffer of the given size; names sorted, as hosts differ in order */
    static char names[512][256];
    int count = 0, types[512];
    size_t room = number(2);
    __wasi_dircookie_t cookie = 0;
    for (bool more = true; more && !e;) {
      e = __wasi_fd_readdir(fd, buffer, room, cookie, &size);
      more = false;
      for (size_t here = 0; !e && here + 24 <= size;) {
        __wasi_dirent_t entry;
        memcpy(&entry, buffer + here, 24);
        if (here + 24 + entry.d_namlen > size) break;
        memcpy(names[count], buffer + here + 24, entry.d_namlen);
        names[count][entry.d_namlen] = 0;
        types[count++] = entry.d_type;
        cookie = entry.d_next;
        here += 24 + entry.d_namlen;
        more = size == room; /* a buffer that holds no entry at all would never end */
      }
    }
    printf("%d", e);
    for (int done = 0; done < count; done++) {
      int least = -1;
      for (int i = 0; i < count; i++)
        if (types[i] >= 0 && (least < 0 || strcmp(names[i], names[least]) < 0)) least = i;
      printf(" %s:%d", names[least], types[least]);
      types[least] = -1;
    }
  } else if (is("mkdir")) {
    printf("%d", __wasi_path_create_directory(fd, text(2)));
  } else if (is("rmdir")) {
    printf("%d", __wasi_path_remove_directory(fd, text(2)));
  } else if (is("unlink")) {
    printf("%d", __wasi_path_unlink_file(fd, text(2)));
  } else if (is("rename")) {
    printf("%d", __wasi_path_rename(fd, text(2), (__wasi_fd_t)number(3), text(4)));
  } else if (is("link")) {
    printf("%d", __wasi_path_link(fd, (__wasi_lookupflags_t)number(2), text(3), (__wasi_fd_t)number(4), text(5)));
  } else if (is("symlink")) {
    printf("%d", __wasi_path_symlink(text(1), (__wasi_fd_t)number(2), text(3)));
  } else if (is("readlink")) {
    e = __wasi_path_readlink(fd, text(2), buffer, number(3), &size);
    printf("%d", e);
    if (!e) show(buffer, size);
  } else if (is("clock")) {
    /* time does not go back, and is not before the start of 2020 on the wall */
    __wasi_timestamp_t first = 0, second = 0;
    e = __wasi_clock_time_get((__wasi_clockid_t)number(1), 1, &first);
    if (!e) e = __wasi_clock_time_get((__wasi_clockid_t)number(1), 1, &second);
    printf("%d", e);
    if (!e) printf(" %d %d", second >= first, number(1) != 0 || first > UINT64_C(1577836800000000000));
  } else if (is("resolution")) {
    e = __wasi_clock_res_get((__wasi_clockid_t)number(1), &at);
    printf("%d", e);
    if (!e) printf(" %d", at > 0 && at < 1000000000);
  } else if (is("sleep")) {
    __wasi_subscription_t wish = {.userdata = 42};
    __wasi_event_t event;
    wish.u.tag = __WASI_EVENTTYPE_CLOCK;
    wish.u.u.clock.id = (__wasi_clockid_t)number(1);
    wish.u.u.clock.timeout = number(2);
    wish.u.u.clock.flags = (__wasi_subclockflags_t)number(3);
    e = __wasi_poll_oneoff(&wish, &event, 1, &size);
    printf("%d", e);
    if (!e) printf(" %u userdata=%" PRIu64 " error=%d type=%d", (unsigned)size, event.userdata, event.error, event.type);
  } else if (is("poll")) {
    /* pairs of type and descriptor, and a clock of ten seconds that must not be needed */
    __wasi_subscription_t wishes[MOST];
    __wasi_event_t events[MOST];
    int count = 0;
    memset(wishes, 0, sizeof wishes);
    for (int i = 1; i + 1 < words; i += 2, count++) {
      wishes[count].userdata = (uint64_t)i;
      wishes[count].u.tag = (uint8_t)number(i);
      wishes[count].u.u.fd_read.file_descriptor = (__wasi_fd_t)number(i + 1);
    }
    wishes[count].userdata = 99;
    wishes[count].u.tag = __WASI_EVENTTYPE_CLOCK;
    wishes[count].u.u.clock.id = 1;
    wishes[count].u.u.clock.timeout = UINT64_C(10000000000);
    e = __wasi_poll_oneoff(wishes, events, (size_t)count + 1, &size);
    printf("%d", e);
    for (size_t i = 0; !e && i < size; i++) printf(" %" PRIu64 ":%d", events[i].userdata, events[i].error);
  } else if (is("random")) {
    memset(buffer, 0, 64);
    e = __wasi_random_get(buffer, 64);
    int set = 0;
    for (int i = 0; i < 64; i++) set += buffer[i] != 0;
    printf("%d %d", e, set > 32);
  } else if (is("yield")) {
    printf("%d", __wasi_sched_yield());
  } else if (is("args")) {
    __wasi_size_t count;
    e = __wasi_args_sizes_get(&count, &size);
    uint8_t *places[MOST];
    if (!e) e = __wasi_args_get(places, buffer);
    printf("%d %u", e, (unsigned)count);
    show(buffer, size);
  } else if (is("environ")) {
    __wasi_size_t count;
    e = __wasi_environ_sizes_get(&count, &size);
    uint8_t *places[MOST];
    if (!e) e = __wasi_environ_get(places, buffer);
    printf("%d %u", e, (unsigned)count);
    show(buffer, size);
  } else if (is("shutdown")) {
    printf("%d", __wasi_sock_shutdown(fd, (__wasi_sdflags_t)number(2)));
  } else if (is("send")) {
    __wasi_ciovec_t part = {(uint8_t *)text(2), strlen(text(2))};
    e = __wasi_sock_send(fd, &part, 1, 0, &size);
    printf("%d", e);
    if (!e) printf(" %u", (unsigned)size);
  } else if (is("recv")) {
    __wasi_iovec_t part = {buffer, number(2)};
    __wasi_roflags_t flags = 0;
    e = __wasi_sock_recv(fd, &part, 1, (__wasi_riflags_t)number(3), &size, &flags);
    printf("%d", e);
    if (!e) show(buffer, size), printf(" %d", flags);
  } else if (is("accept")) {
    e = __wasi_sock_accept(fd, (__wasi_fdflags_t)number(2), &other);
    printf("%d", e);
    if (!e) printf(" %u", other);
  } else if (is("exit")) {
    puts("");
    fflush(stdout);
    __wasi_proc_exit((__wasi_exitcode_t)number(1));
  } else {
    printf("?");
  }
  putchar('\n');
}

int main(void) {
  static char line[8192];
  setvbuf(stdout, 0, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    words = 0;
    for (char *w = strtok(line, " \n"); w && words < MOST; w = strtok(0, " \n")) {
      unescape(w);
      word[words++] = w;
    }
    if (words) run();
  }
  return 0;
}
