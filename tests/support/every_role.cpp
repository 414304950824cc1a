// What clang-tidy looks at: all that the library's headers hold, and the roles, whole.
#include <fastqueue/async_client.hpp>
#include <fastqueue/embedded.hpp>
#include <fastqueue/fastqueue.hpp>
#include <fastqueue/observer/spdlog.hpp>
#include <fastqueue/serialization/msgpack.hpp>
#include <fastqueue/sqlite_outbox.hpp>
#include <fastqueue/sqlite_outbox_relay.hpp>
#include <fastqueue/store/sqlite.hpp>

struct durable : fastqueue::default_policies {
    using store_policy = fastqueue::store::sqlite;
    using observer_policy = fastqueue::observer::spdlog;
    using eviction_policy = fastqueue::eviction::s3fifo;
    using balancing_policy = fastqueue::balancing::sticky;
    using executor_policy = fastqueue::executor::inline_;
};

struct isolated : fastqueue::default_policies {
    using executor_policy =
        fastqueue::executor::selectable<fastqueue::executor::threads, fastqueue::executor::process>;
};

template class fastqueue::basic_client<>;
template class fastqueue::basic_async_client<>;
template class fastqueue::basic_control_plane<>;
template class fastqueue::basic_control_plane<durable>;
template class fastqueue::basic_subworker<>;
template class fastqueue::basic_subworker<durable>;
template class fastqueue::basic_subworker<isolated>;
template class fastqueue::basic_embedded<durable>;
