/* A task module whose tasks leave a trace of each attempt. tests/cli/test_store.py builds it. */
#define _GNU_SOURCE
#include <fastqueue/module.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT(s) {s, sizeof(s) - 1}

typedef struct fastqueue_bytes bytes;
typedef struct fastqueue_output output;
typedef struct fastqueue_context const* context;

/* Adds the attempt's number as a line to the file that is the first argument, a JSON string without escapes.
   Returns what stands behind it, a number or 0; -1 where the file cannot be written. Further arguments mean nothing. */
static long note(bytes arguments, context c) {
    char text[600];
    size_t const size = arguments.size < sizeof text ? arguments.size : sizeof text - 1;
    memcpy(text, arguments.data, size);
    text[size] = '\0';
    char* const begin = strchr(text, '"');
    char* const end = begin == NULL ? NULL : strchr(begin + 1, '"');
    if (end == NULL) return -1;
    *end = '\0';
    int const file = open(begin + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    int const told = dprintf(file, "%ld\n", (long)c->attempt);
    close(file);
    char const* const comma = strchr(end + 1, ',');
    return told < 0 ? -1 : comma == NULL ? 0 : strtol(comma + 1, NULL, 10);
}

/* store.note PATH [MS]: takes so long, and returns its attempt. */
static int32_t note_and_rest(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)t;
    long const ms = note(a, c);
    if (ms < 0) return FASTQUEUE_PERMANENT_FAILURE;
    struct timespec const rest = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&rest, NULL);
    char text[32];
    int const size = snprintf(text, sizeof text, "%ld", (long)c->attempt);
    return o.append(o.host, text, (size_t)size) == 0 ? FASTQUEUE_SUCCESS : FASTQUEUE_HANDLER_ERROR;
}

/* store.die PATH: takes its process with it. */
static int32_t note_and_die(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)t, (void)o;
    note(a, c);
    _exit(70);
}

struct fastqueue_module const* fastqueue_module_entry(void) {
    static bytes const contents[] = {TEXT("json")};
    static struct fastqueue_task const tasks[] = {
        {TEXT("store.note"), {"", 0}, {"", 0}, NULL, 0, contents, 1, {"", 0}, NULL, note_and_rest},
        {TEXT("store.die"), {"", 0}, {"", 0}, NULL, 0, contents, 1, {"", 0}, NULL, note_and_die},
    };
    static struct fastqueue_module const module = {FASTQUEUE_MODULE_STAMP, {"", 0}, tasks,
                                                   sizeof tasks / sizeof tasks[0], NULL, 0};
    return &module;
}
