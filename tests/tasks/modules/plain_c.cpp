// A module that uses nothing but the C header, and keeps to no code: its statuses and texts come as they like.
#include <fastqueue/module.h>

#include <cstring>

namespace {

fastqueue_bytes text(char const* s) { return {s, std::strlen(s)}; }

int32_t echo(void const*, fastqueue_context const*, fastqueue_bytes, fastqueue_bytes arguments,
             fastqueue_output output) {
    return output.append(output.host, arguments.data, arguments.size) == 0 ? FASTQUEUE_SUCCESS
                                                                           : FASTQUEUE_HANDLER_ERROR;
}

int32_t odd(void const*, fastqueue_context const*, fastqueue_bytes, fastqueue_bytes,
            fastqueue_output output) {
    output.append(output.host, "bad \xff", 5);
    return 12345;
}

int32_t escape(void const*, fastqueue_context const*, fastqueue_bytes, fastqueue_bytes, fastqueue_output) {
    throw 1;  // forbidden
}

}  // namespace

extern "C" fastqueue_module const* fastqueue_module_entry(void) {
    static fastqueue_bytes const contents[] = {text("json")};
    static fastqueue_task const tasks[] = {
        {text("c.echo"),
         text("Gives back its arguments."),
         text("list"),
         nullptr,
         0,
         contents,
         1,
         {},
         nullptr,
         &echo},
        {text("c.odd"), {}, {}, nullptr, 0, contents, 1, {}, nullptr, &odd},
        {text("c.escape"), {}, {}, nullptr, 0, contents, 1, {}, nullptr, &escape},
    };
    static fastqueue_module const module{FASTQUEUE_MODULE_STAMP, {}, tasks, 3, nullptr, 0};
    return &module;
}
