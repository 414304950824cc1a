/* A task module whose tasks do what tasks should not: end their process, hang, fork. tests/cli/test_faults.py builds it. */
#define _GNU_SOURCE
#include <fastqueue/module.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(s) \
    { s, sizeof(s) - 1 }

typedef struct fastqueue_bytes bytes;
typedef struct fastqueue_output output;
typedef struct fastqueue_context const* context;

static int32_t answer(output out, long number) {
    char text[32];
    int const size = snprintf(text, sizeof text, "%ld", number);
    return out.append(out.host, text, (size_t)size) == 0 ? FASTQUEUE_SUCCESS : FASTQUEUE_HANDLER_ERROR;
}

/* Adds a line to the file that the only argument names, a JSON string without escapes. */
static int note(bytes arguments, long number) {
    char path[512];
    char const* const begin = memchr(arguments.data, '"', arguments.size);
    if (begin == NULL) return -1;
    size_t const left = arguments.size - (size_t)(begin + 1 - arguments.data);
    char const* const end = memchr(begin + 1, '"', left);
    if (end == NULL || (size_t)(end - begin) > sizeof path) return -1;
    memcpy(path, begin + 1, (size_t)(end - begin - 1));
    path[end - begin - 1] = '\0';
    int const file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    int const told = dprintf(file, "%ld\n", number) > 0 ? 0 : -1;
    close(file);
    return told;
}

static int32_t call_exit(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)c, (void)t, (void)a, (void)o;
    exit(0);
}
static int32_t call_abort(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)c, (void)t, (void)a, (void)o;
    abort();
}
/* Says why, and dies of it. */
static int32_t say_and_die(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)c, (void)t, (void)a, (void)o;
    fprintf(stderr, "a first line\nthere is no such disk\n");
    raise(SIGSEGV);
    return FASTQUEUE_SUCCESS;
}
/* Does its work each time, and the first time dies before it can say so. */
static int32_t work_and_die(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)t;
    if (note(a, (long)c->attempt) != 0) return FASTQUEUE_PERMANENT_FAILURE;
    if (c->attempt == 1) kill(getpid(), SIGKILL);
    return answer(o, (long)c->attempt);
}
static int32_t hang(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)c, (void)t, (void)a, (void)o;
    for (;;) pause();
    return FASTQUEUE_SUCCESS;
}
/* Notes the process id of a child that is a copy of this process, and hangs, as the child does. */
static int32_t fork_and_hang(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)t;
    if (c->attempt > 1) return answer(o, (long)c->attempt);
    pid_t const child = fork();
    if (child > 0) note(a, (long)child);
    for (;;) pause();
}
/* The process id of a child that runs another program. */
static int32_t spawn(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)c, (void)t, (void)a;
    pid_t const child = fork();
    if (child == 0) {
        execlp("sleep", "sleep", "60", (char*)NULL);
        _exit(127);
    }
    return answer(o, (long)child);
}
/* Takes memory until there is none, and ends as the kernel would end it. */
static int32_t eat(void const* s, context c, bytes t, bytes a, output o) {
    (void)s, (void)c, (void)t, (void)a, (void)o;
    for (size_t const block = 1 << 20;;) {
        char* const memory = malloc(block);
        if (memory == NULL) kill(getpid(), SIGKILL);
        memset(memory, 1, block);
    }
    return FASTQUEUE_SUCCESS;
}

struct fastqueue_module const* fastqueue_module_entry(void) {
    static bytes const contents[] = {TEXT("json")};
#define TASK(name, function) \
    { TEXT(name), {"", 0}, {"", 0}, NULL, 0, contents, 1, {"", 0}, NULL, function }
    static struct fastqueue_task const tasks[] = {
        TASK("crash.exit", call_exit), TASK("crash.abort", call_abort),   TASK("crash.work", work_and_die),
        TASK("crash.hang", hang),      TASK("crash.fork", fork_and_hang), TASK("crash.spawn", spawn),
        TASK("crash.eat", eat),        TASK("crash.say", say_and_die),
    };
    static struct fastqueue_module const module = {
        FASTQUEUE_MODULE_STAMP, {"", 0}, tasks, sizeof tasks / sizeof tasks[0], NULL, 0};
    return &module;
}
