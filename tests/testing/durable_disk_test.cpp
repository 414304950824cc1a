#include <fastqueue/testing/durable_disk.hpp>

#include "laws/store_model.hpp"
#include "support/catch.hpp"

#include <cstdint>

using fastqueue::testing::durable_disk;

namespace {

/// What both hold after the same calls.
struct both {
    durable_disk disk;
    laws::store_model model;

    void apply(laws::write_call const& call) {
        struct target {
            durable_disk& d;
            void put(fastqueue::policy::task_record const& t) const { CHECK_FALSE(d.put(t).has_value()); }
            void operator()(fastqueue::policy::task_record const& t) const { put(t); }
            void operator()(laws::claim_call const& c) const { d.claim(c.number, c.attempt); }
            void operator()(fastqueue::policy::attempt_record const& a) const { d.requeue(a); }
            void operator()(fastqueue::policy::result_record const& r) const { d.finish(r); }
            void operator()(laws::forget_call const& c) const { d.forget(c.number); }
            void operator()(laws::erase_call const& c) const { d.erase(c.number); }
            void operator()(laws::member_call const& m) const { d.member(std::string{m.name}, m.there); }
        };
        std::visit(target{disk}, call);
        model.apply(call);
    }
    void compare(std::uint64_t octets) const {
        laws::image kept;
        disk.restore(kept, octets);
        CHECK(kept == model.told(octets));
    }
};

}  // namespace

TEST_CASE("durable_disk: holds what a store is said to hold, and a copy stays as it was", "[testing]") {
    laws::made_up_work work{4711};
    both now;
    for (int i = 0; i < 300; ++i) now.apply(work.next());
    now.compare(~0ULL);
    now.compare(2000);
    now.compare(0);
    both const before = now;
    for (int i = 0; i < 300; ++i) now.apply(work.next());
    before.compare(~0ULL);
    now.compare(~0ULL);
    CHECK(before.disk.epoch() == now.disk.epoch());
}
