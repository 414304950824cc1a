// expect: Policies::store_policy does not model fastqueue::policy::store

#include <fastqueue/policies.hpp>

#include <cstdint>
#include <functional>

// Does not number its writes.
class no_numbers {
public:
    void attach(std::function<void()>) {}
    void put(fastqueue::policy::task_record const&) {}
    void claim(fastqueue::task_id, std::uint32_t) {}
    void requeue(fastqueue::task_id, std::uint32_t) {}
    void finish(fastqueue::policy::result_record const&) {}
    void forget(fastqueue::task_id) {}
    void flush() {}
    void poll(fastqueue::policy::store_news&) {}
    fastqueue::uuid epoch() const { return {}; }
};

struct bad : fastqueue::default_policies {
    using store_policy = no_numbers;
};

template struct fastqueue::detail::checked<bad>;
