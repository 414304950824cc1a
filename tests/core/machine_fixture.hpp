#pragma once

// A worker's or a client's machine without a network: virtual time, and all that it wants done taken apart.

#include <fastqueue/core/outbox.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include "core/ids.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace machine_test {

namespace fq = fastqueue;
using namespace std::chrono_literals;
using fq::peer_id;

struct sent {
    peer_id to = peer_id::none;
    std::string line;  ///< verb and positional tokens
    std::map<std::string, std::string> fields;
    std::string payload;
    fq::wire::form layout = fq::wire::form::frames;
    std::size_t message = 0;  ///< which message it was in, counted over all

    std::string field(std::string const& key) const {
        auto const at = fields.find(key);
        return at == fields.end() ? std::string{} : at->second;
    }
};
struct dial {
    fq::endpoint to;
    std::uint32_t tag = 0;
    peer_id peer = peer_id::none;
};

/// What a machine wants done, performed as a shell does it.
class network {
public:
    template <class Machine>
    void perform(Machine& machine) {
        std::vector<std::string_view> frames;
        machine.outbox().perform(
            ~std::uint64_t{0},
            [&](fq::core::outgoing& m) {
                m.pairs.frames(m.layout, m.envelope, frames);
                ++messages;
                fq::wire::pair_cursor cursor{frames};
                REQUIRE_FALSE(cursor.trouble());
                fq::wire::pair p;
                while (cursor.next(p)) outgoing.push_back(take_apart(m.to, p, cursor.form()));
            },
            [&](fq::core::link_action const& action) {
                if (auto const* d = std::get_if<fq::core::dial_action>(&action)) {
                    dials.push_back({d->to, d->tag, static_cast<peer_id>(++last_peer)});
                    machine.dialled(d->tag, dials.back().peer);
                } else {
                    closed.push_back(std::get<fq::core::close_action>(action).peer);
                }
            });
    }
    std::vector<sent> take() { return std::exchange(outgoing, {}); }
    /// The one dial that is asked for now.
    dial dialled() {
        REQUIRE(dials.size() == 1);
        auto const d = dials.front();
        dials.clear();
        return d;
    }

    std::vector<sent> outgoing;
    std::vector<dial> dials;
    std::vector<peer_id> closed;
    std::size_t messages = 0;
    std::uint64_t last_peer = 0;

private:
    sent take_apart(peer_id to, fq::wire::pair const& p, fq::wire::form layout) const {
        fq::wire::header h;
        CAPTURE(std::string{p.header});
        REQUIRE_FALSE(h.parse(p.header, 100'000));
        sent s;
        s.to = to;
        s.line = h.verb();
        for (auto const token : h.positional()) s.line.append(" ").append(token);
        for (auto const& f : h.fields()) s.fields.emplace(f.key, f.value);
        s.payload = p.payload;
        s.layout = layout;
        s.message = messages;
        return s;
    }
};

using core_test::id;
using core_test::text;
inline std::string nodes(std::string const& base, std::string const& management, std::uint64_t epoch,
                         std::string const& more = {}) {
    return R"([{"id":"cp","role":"control-plane","base":")" + base + R"(","management":")" + management +
           R"(","epoch":")" + text(epoch) + '"' + more + "}]";
}

}  // namespace machine_test
