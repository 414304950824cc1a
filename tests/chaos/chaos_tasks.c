/* A task module whose task writes down each run before it does anything else. tests/chaos/fleet.py builds it. */
#define _GNU_SOURCE
#include <fastqueue/module.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TEXT(s) \
    { s, sizeof(s) - 1 }

typedef struct fastqueue_bytes bytes;
typedef struct fastqueue_output output;
typedef struct fastqueue_context const* context;

/* Of this process, which never closes it. */
static int log_file = -1;

/* Adds the line `ID ATTEMPT NANOSECONDS` in one write, so that lines of several threads do not mix. */
static int note(context c) {
    char line[128];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int size = 0;
    for (int i = 0; i < 16; ++i) size += snprintf(line + size, sizeof line - (size_t)size, "%02x", c->id[i]);
    size += snprintf(line + size, sizeof line - (size_t)size, " %ld %lld\n", (long)c->attempt,
                     (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    return write(log_file, line, (size_t)size) == size ? 0 : -1;
}

/* chaos.note MS: takes so long. Returns which start of which worker ran it, and its attempt. */
static int32_t note_and_rest(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)t;
    if (note(c) != 0) return FASTQUEUE_PERMANENT_FAILURE;
    long const ms = a.size > 1 ? strtol(a.data + 1, NULL, 10) : 0;
    struct timespec const rest = {ms / 1000, ms % 1000 * 1000000};
    if (ms > 0) nanosleep(&rest, NULL);
    char text[128];
    int const size = snprintf(text, sizeof text, "\"%s %ld\"", getenv("CHAOS_LIFE"), (long)c->attempt);
    return o.append(o.host, text, (size_t)size) == 0 ? FASTQUEUE_SUCCESS : FASTQUEUE_HANDLER_ERROR;
}

struct fastqueue_module const* fastqueue_module_entry(void) {
    static bytes const contents[] = {TEXT("json")};
    static struct fastqueue_task const tasks[] = {
        {TEXT("chaos.note"), {"", 0}, {"", 0}, NULL, 0, contents, 1, {"", 0}, NULL, note_and_rest},
    };
    static struct fastqueue_module const module = {FASTQUEUE_MODULE_STAMP, {"", 0}, tasks, 1, NULL, 0};
    char const* const path = getenv("CHAOS_LOG");
    if (path == NULL || getenv("CHAOS_LIFE") == NULL) return NULL;
    log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return log_file < 0 ? NULL : &module;
}
