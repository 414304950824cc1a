/* The boundary between a FastQueue worker and a shared object with tasks: plain C, compiles as C99 and as C++.
 *
 * A module exports one function, `fastqueue_module_entry`. What it returns lives as long as the module is loaded. Only
 * octets and codes cross: no C++ type, no exception. C++ authors use <fastqueue/module.hpp> and never see this file.
 *
 * Texts are UTF-8, with a length and without a terminating zero. All functions may be called from several threads at
 * once, `fastqueue_module_entry` excepted, and must not throw or jump across the boundary.
 */
#ifndef FASTQUEUE_MODULE_H
#define FASTQUEUE_MODULE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FASTQUEUE_MODULE_MAGIC 0x314d5146u /* "FQM1" */
#define FASTQUEUE_MODULE_VERSION 3u        /* grows with each change that an old module would not survive */

/* How a run ended. */
enum fastqueue_status {
    FASTQUEUE_SUCCESS = 0,
    FASTQUEUE_HANDLER_ERROR = 1,       /* may be tried again */
    FASTQUEUE_PERMANENT_FAILURE = 2,   /* trying again is useless */
    FASTQUEUE_BAD_ARGUMENTS = 3,       /* the handler has not run */
    FASTQUEUE_UNSUPPORTED_CONTENT = 4, /* the handler has not run */
    FASTQUEUE_CANCELLED = 5            /* the handler stopped because it was asked to */
};

struct fastqueue_bytes {
    char const* data;
    size_t size;
};

/* What a handler may know of its run, valid until `run` returns. */
struct fastqueue_context {
    void* host;        /* the first argument of the functions below */
    uint8_t const* id; /* of the task: 16 octets */
    uint32_t attempt;  /* counted from 1 */
    /* Not 0: the handler should stop. */
    int (*stop_requested)(void* host);
    /* Calls notify(argument) once when the handler should stop, from any thread, or at once if that is so already.
       At most one a run; never called after unwatch_stop has returned. */
    void (*watch_stop)(void* host, void (*notify)(void* argument), void* argument);
    void (*unwatch_stop)(void* host);
    /* If this run ends as FASTQUEUE_HANDLER_ERROR, the next one begins after so many milliseconds, and not after the task's own
       delay. */
    void (*retry_after)(void* host, uint64_t milliseconds);
    /* Tells how far the run is: JSON of at most 4096 octets; more is ignored. May be called as often as you like. */
    void (*progress)(void* host, struct fastqueue_bytes json);
};

/* Where a run puts its result, or the text of its error. Not 0: no memory, stop writing. */
struct fastqueue_output {
    void* host;
    int (*append)(void* host, char const* data, size_t size);
};

struct fastqueue_parameter {
    struct fastqueue_bytes name; /* may be empty */
    struct fastqueue_bytes type; /* in words: "integer" */
    uint32_t has_default;
};

struct fastqueue_task {
    struct fastqueue_bytes name;
    struct fastqueue_bytes description;
    struct fastqueue_bytes result_type;
    struct fastqueue_parameter const* parameters;
    size_t parameter_count;
    struct fastqueue_bytes const* contents; /* content types that `run` takes: "json" at least */
    size_t content_count;
    struct fastqueue_bytes
        defaults; /* how its tasks are treated: FQ1's options, "retries=3 timeout_ms=5000"; may be empty */
    void const* state; /* the module's own, given back to `run` */
    /* Runs the handler in the calling thread. Returns a fastqueue_status. */
    int32_t (*run)(void const* state, struct fastqueue_context const* context, struct fastqueue_bytes content,
                   struct fastqueue_bytes arguments, struct fastqueue_output output);
};

/* A task that is submitted again and again: what FQ1's verb `schedule` takes, a space before each token. */
struct fastqueue_schedule {
    struct fastqueue_bytes tokens;
    struct fastqueue_bytes arguments;
};

/* Compared octet for octet before anything else is read. */
struct fastqueue_stamp {
    uint32_t magic;
    uint32_t version;
    uint32_t module_size; /* sizeof each struct */
    uint32_t task_size;
    uint32_t parameter_size;
    uint32_t context_size;
};

struct fastqueue_module {
    struct fastqueue_stamp stamp; /* first in every version */
    struct fastqueue_bytes error; /* not empty: the module could not be set up, and why */
    struct fastqueue_task const* tasks;
    size_t task_count;
    struct fastqueue_schedule const* schedules; /* may be NULL */
    size_t schedule_count;
};

#define FASTQUEUE_MODULE_STAMP                                                                       \
    {                                                                                                \
        FASTQUEUE_MODULE_MAGIC, FASTQUEUE_MODULE_VERSION, (uint32_t)sizeof(struct fastqueue_module), \
            (uint32_t)sizeof(struct fastqueue_task), (uint32_t)sizeof(struct fastqueue_parameter),   \
            (uint32_t)sizeof(struct fastqueue_context)                                               \
    }

#if defined(_WIN32)
#define FASTQUEUE_MODULE_EXPORT __declspec(dllexport)
#else
#define FASTQUEUE_MODULE_EXPORT __attribute__((visibility("default")))
#endif

/* The module's one door. Called once after loading; NULL is an error. */
FASTQUEUE_MODULE_EXPORT struct fastqueue_module const* fastqueue_module_entry(void);

#ifdef __cplusplus
}
#endif

#endif /* FASTQUEUE_MODULE_H */
