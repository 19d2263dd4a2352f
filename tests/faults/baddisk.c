/* Makes the synchronisation of files fail or hang, for as long as a file says so.

   BAD_DISK       a file that holds a number: 0 all is well, 1 fsync and fdatasync fail with EIO, more: they take so many
                  milliseconds
   BAD_DISK_PART  what is in the paths of the files that this is about */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long mode_for(int fd) {
    const char *part = getenv("BAD_DISK_PART"), *control = getenv("BAD_DISK");
    char name[64], path[PATH_MAX], text[16] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, path, sizeof path - 1);
    if (size < 0 || !part || !control) return 0;
    path[size] = 0;
    if (!strstr(path, part)) return 0;
    int file = open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    return atol(text);
}

#define SYNC(name)                                                               \
    int name(int fd) {                                                           \
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name);                \
        long mode = mode_for(fd);                                                \
        if (mode == 1) {                                                         \
            errno = EIO;                                                         \
            return -1;                                                           \
        }                                                                        \
        if (mode > 1) {                                                          \
            struct timespec pause = {mode / 1000, mode % 1000 * 1000000};        \
            nanosleep(&pause, NULL);                                             \
        }                                                                        \
        return real(fd);                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)
