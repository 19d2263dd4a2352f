/* Logs what a process does to the files below a folder, in order, so that a test can tell what a power cut would have
   left of them; and lets the n-th synchronisation of a file whose name ends in a given way fail, once.

   SPOOL_LOG       the log, to which entries are appended
   SPOOL_ROOT      the folder
   SPOOL_FAIL      a number n, or nothing
   SPOOL_FAIL_END  how the name ends

   An entry: the operation (one byte), three little-endian 64-bit numbers (offset, bytes of path, bytes of data), path, data.
   c: created (or opened to be), m: folder made, w: written, t: truncated to offset, s: synchronised, u: unlinked,
   r: renamed to the path that is the data, d: folder removed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static long syncs = 0;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static int inside(const char *path) {
    const char *root = getenv("SPOOL_ROOT");
    return root && !strncmp(path, root, strlen(root)) && !strstr(path, " (deleted)");
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return inside(path);
}

static int full(int dir, const char *path, char *result) {
    if (path[0] == '/') {
        snprintf(result, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX];
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            ssize_t size = readlink(link, base, PATH_MAX - 1);
            if (size < 0) return 0;
            base[size] = 0;
        }
        if (snprintf(result, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    return inside(result);
}

static void note(char operation, int64_t offset, const char *path, const void *data, size_t size) {
    int64_t numbers[3] = {offset, (int64_t)strlen(path), (int64_t)size};
    struct iovec parts[4] = {{&operation, 1}, {numbers, sizeof numbers}, {(void *)path, strlen(path)}, {(void *)data, size}};
    int kept = errno;
    pthread_mutex_lock(&lock);
    if (out < 0) {
        const char *log = getenv("SPOOL_LOG");
        if (!log || (out = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) < 0) abort();
    }
    ssize_t wanted = 1 + sizeof numbers + strlen(path) + size;
    if (writev(out, parts, 4) != wanted) abort();
    pthread_mutex_unlock(&lock);
    errno = kept;
}

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...) {                            \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = va_arg(rest, mode_t);                                 \
        va_end(rest);                                                       \
        char whole[PATH_MAX];                                               \
        int fd = REAL(name)(path, flags, mode);                             \
        if (fd >= 0 && (flags & O_CREAT) && full(AT_FDCWD, path, whole)) note('c', 0, whole, "", 0); \
        if (fd >= 0 && (flags & O_TRUNC) && full(AT_FDCWD, path, whole)) note('t', 0, whole, "", 0); \
        return fd;                                                          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                        \
    int name(int dir, const char *path, int flags, ...) {                   \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = va_arg(rest, mode_t);                                 \
        va_end(rest);                                                       \
        char whole[PATH_MAX];                                               \
        int fd = REAL(name)(dir, path, flags, mode);                        \
        if (fd >= 0 && (flags & O_CREAT) && full(dir, path, whole)) note('c', 0, whole, "", 0); \
        if (fd >= 0 && (flags & O_TRUNC) && full(dir, path, whole)) note('t', 0, whole, "", 0); \
        return fd;                                                          \
    }
OPENAT(openat)
OPENAT(openat64)

#define PWRITE(name, off)                                                   \
    ssize_t name(int fd, const void *data, size_t size, off offset) {       \
        char path[PATH_MAX];                                                \
        ssize_t done = REAL(name)(fd, data, size, offset);                  \
        if (done > 0 && path_of(fd, path)) note('w', offset, path, data, (size_t)done); \
        return done;                                                        \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    ssize_t done = REAL(write)(fd, data, size);
    if (done > 0 && path_of(fd, path)) {
        off_t end = lseek(fd, 0, SEEK_CUR);
        note('w', end - done, path, data, (size_t)done);
    }
    return done;
}

#define TRUNCATE(name, off)                                                 \
    int name(int fd, off size) {                                            \
        char path[PATH_MAX];                                                \
        int done = REAL(name)(fd, size);                                    \
        if (!done && path_of(fd, path)) note('t', size, path, "", 0);       \
        return done;                                                        \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int fails(const char *path) {
    const char *number = getenv("SPOOL_FAIL"), *end = getenv("SPOOL_FAIL_END");
    if (!number || !*number || !end || strlen(path) < strlen(end) || strcmp(path + strlen(path) - strlen(end), end)) return 0;
    return ++syncs == atol(number);
}

#define SYNC(name)                                                          \
    int name(int fd) {                                                      \
        char path[PATH_MAX];                                                \
        int ours = path_of(fd, path);                                       \
        if (ours && fails(path)) {                                          \
            errno = EIO;                                                    \
            return -1;                                                      \
        }                                                                   \
        int done = REAL(name)(fd);                                          \
        if (!done && ours) note('s', 0, path, "", 0);                       \
        return done;                                                        \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    char whole[PATH_MAX];
    int ours = full(AT_FDCWD, path, whole), done = REAL(unlink)(path);
    if (!done && ours) note('u', 0, whole, "", 0);
    return done;
}

int unlinkat(int dir, const char *path, int flags) {
    char whole[PATH_MAX];
    int ours = full(dir, path, whole), done = REAL(unlinkat)(dir, path, flags);
    if (!done && ours) note(flags & AT_REMOVEDIR ? 'd' : 'u', 0, whole, "", 0);
    return done;
}

int rename(const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    int ours = full(AT_FDCWD, from, a) && full(AT_FDCWD, to, b), done = REAL(rename)(from, to);
    if (!done && ours) note('r', 0, a, b, strlen(b));
    return done;
}

int mkdir(const char *path, mode_t mode) {
    char whole[PATH_MAX];
    int done = REAL(mkdir)(path, mode);
    if (!done && full(AT_FDCWD, path, whole)) note('m', 0, whole, "", 0);
    return done;
}

int rmdir(const char *path) {
    char whole[PATH_MAX];
    int ours = full(AT_FDCWD, path, whole), done = REAL(rmdir)(path);
    if (!done && ours) note('d', 0, whole, "", 0);
    return done;
}
