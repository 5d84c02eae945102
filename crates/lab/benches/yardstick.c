// The same messages by the best C program that we can write, over a pipe or a Unix stream socket.
//
// Usage: yardstick pipe|socket block|poll CORE CORE BYTES
// Two processes, one on each core (the same is fine). For each line on stdin with a number it makes
// so many round trips, and prints their median in nanoseconds. A trip: a head of 32 bytes and the list
// there, all of it summed, 32 bytes with the sum back, which is checked.
//
// What makes it fast, as in crates/transport/src/stream: one writev and one readv for head and list,
// a pipe of 1 MiB, lists where the kernel copies whole cache lines, and pieces of 8 KiB in a pipe to
// another core. Beyond that, huge pages, and both sides know the list's length before.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 32, LINE = 64, PAGE = 4096, PIECE = 8192, APART = 128, BUFFER = 1 << 20, HUGE = 2 << 20 };
struct head { uint64_t task, items, word, rest; };

static int polls, yields;
static size_t piece = SIZE_MAX;

static void fail(const char *what) { perror(what); exit(1); }

static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set)) fail("sched_setaffinity");
}

static void way(int is_pipe, int ends[2]) {
    if (is_pipe) {
        if (pipe2(ends, O_CLOEXEC)) fail("pipe2");
        fcntl(ends[1], F_SETPIPE_SZ, BUFFER); // less is fine
    } else {
        int buffer = BUFFER;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) fail("socketpair");
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    for (int i = 0; polls && i < 2; i++)
        if (fcntl(ends[i], F_SETFL, O_NONBLOCK)) fail("fcntl");
}

// After a call that found nothing to do: on one core the other side must run first.
static void again(void) {
    if (errno != EAGAIN && errno != EINTR) fail("read or write");
    if (yields) sched_yield();
    else __builtin_ia32_pause();
}

static void put(int fd, const char *head, size_t head_bytes, const char *body, size_t bytes) {
    size_t done = 0, all = head_bytes + bytes;
    while (done < all) {
        size_t in_head = done < head_bytes ? head_bytes - done : 0;
        size_t at = done < head_bytes ? 0 : done - head_bytes;
        size_t most = piece > in_head ? piece - in_head : 0;
        size_t left = bytes - at < most ? bytes - at : most;
        struct iovec parts[2] = {{(void *)(head + head_bytes - in_head), in_head},
                                 {(void *)(body + at), left}};
        ssize_t count = in_head ? writev(fd, parts, left ? 2 : 1) : write(fd, body + at, left);
        if (count < 0) again();
        else done += count;
    }
}

// Nothing but the end of file gives 0.
static int get(int fd, char *head, size_t head_bytes, char *body, size_t bytes) {
    size_t done = 0, all = head_bytes + bytes;
    while (done < all) {
        ssize_t count;
        if (done < head_bytes) {
            struct iovec parts[2] = {{head + done, head_bytes - done}, {body, bytes}};
            count = bytes ? readv(fd, parts, 2) : read(fd, head + done, head_bytes - done);
        } else {
            count = read(fd, body + done - head_bytes, all - done);
        }
        if (count == 0) return 0;
        if (count < 0) again();
        else done += count;
    }
    return 1;
}

static int64_t sum(const int64_t *list, size_t items) {
    uint64_t sum = 0;
    for (size_t i = 0; i < items; i++) sum += (uint64_t)list[i];
    return (int64_t)sum;
}

// A list where the pages of the stream, which begins with a head, and those of memory begin together;
// in huge pages where there are any, which saves an eighth at 400 kB.
static int64_t *aligned(size_t items) {
    size_t bytes = (LINE + items * 8 + HUGE) / HUGE * HUGE;
    char *room = aligned_alloc(HUGE, bytes);
    if (!room) fail("aligned_alloc");
    madvise(room, bytes, MADV_HUGEPAGE); // or not
    return (int64_t *)(room + LINE);
}

static void serve(int from, int to, size_t items, size_t head_bytes) {
    int64_t *list = aligned(items);
    _Alignas(LINE) char head[LINE];
    memset(list, 0, items * 8); // its pages are there before the first task
    while (get(from, head, head_bytes, (char *)list, items * 8)) {
        struct head task;
        memcpy(&task, head, HEAD);
        if (task.items != items) exit(2);
        struct head answer = {.task = task.task, .word = (uint64_t)sum(list, items)};
        put(to, (char *)&answer, HEAD, NULL, 0);
    }
    exit(0);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int count, char **args) {
    if (count != 6) return fprintf(stderr, "usage: %s pipe|socket block|poll CORE CORE BYTES\n", args[0]), 2;
    int is_pipe = !strcmp(args[1], "pipe"), here = atoi(args[3]), there = atoi(args[4]);
    size_t items = strtoull(args[5], NULL, 10) / 8, shift = APART / 8;
    polls = !strcmp(args[2], "poll");
    yields = here == there;
    if (is_pipe && here != there) piece = PIECE;
    size_t head_bytes = items * 8 < PAGE ? HEAD : LINE;

    int there_fds[2], back_fds[2];
    way(is_pipe, there_fds);
    way(is_pipe, back_fds);
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(there);
        serve(there_fds[0], back_fds[1], items, head_bytes);
    }
    pin(here);
    // Two windows of one list take turns, so that a list seen before gives another sum.
    int64_t *all = aligned(items + shift);
    for (size_t i = 0; i < items + shift; i++) all[i] = (int64_t)i;
    int64_t sums[2] = {sum(all, items), sum(all + shift, items)};
    char line[32];
    uint64_t task = 0;
    while (fgets(line, sizeof line, stdin)) {
        size_t trips = strtoull(line, NULL, 10), warm = 5;
        uint64_t *took = malloc((trips + 1) * sizeof *took);
        if (polls) kill(child, SIGCONT);
        for (size_t trip = 0; trip < trips + warm; trip++, task++) {
            _Alignas(LINE) char head[LINE] = {0};
            uint64_t began = now();
            struct head asked = {.task = task, .items = items}, answer;
            memcpy(head, &asked, HEAD);
            put(there_fds[1], head, head_bytes, (char *)(all + (task % 2 ? shift : 0)), items * 8);
            if (!get(back_fds[0], (char *)&answer, HEAD, NULL, 0)) fail("the other side is gone");
            if (trip >= warm) took[trip - warm] = now() - began;
            if (answer.task != task || (int64_t)answer.word != sums[task % 2]) return fprintf(stderr, "a wrong answer\n"), 6;
        }
        if (polls) kill(child, SIGSTOP); // it would take the core from the side that is measured next
        qsort(took, trips, sizeof *took, by_value);
        printf("%llu\n", (unsigned long long)took[trips / 2]);
        fflush(stdout);
        free(took);
    }
    kill(child, SIGKILL);
    return 0;
}
