// expect: Policies::store_policy does not model fastqueue::policy::store

#include <fastqueue/policies.hpp>

#include <cstdint>
#include <functional>
#include <string_view>

// Does not number its writes.
class no_numbers {
public:
    void attach(std::function<void()>) {}
    void put(fastqueue::policy::task_record const&) {}
    void claim(fastqueue::policy::task_number, std::uint32_t) {}
    void requeue(fastqueue::policy::attempt_record const&) {}
    void finish(fastqueue::policy::result_record const&) {}
    void forget(fastqueue::policy::task_number) {}
    void erase(fastqueue::policy::task_number) {}
    void member(std::string_view, bool) {}
    void flush(fastqueue::policy::store_sequence) {}
    void poll(fastqueue::policy::store_news&) {}
    fastqueue::uuid epoch() const { return {}; }
};

struct bad : fastqueue::default_policies {
    using store_policy = no_numbers;
};

template struct fastqueue::detail::checked<bad>;
