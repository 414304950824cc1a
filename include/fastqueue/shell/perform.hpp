#pragma once

#include <fastqueue/core/outbox.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/shell/dial_push.hpp>

#include <string_view>
#include <system_error>
#include <type_traits>
#include <variant>
#include <vector>

namespace fastqueue::shell {

/// Does what a machine's outbox holds, through a transport. A role is no more than this, and events the other way.
/// \param dialled  called as `dialled(tag, peer)` for each connection that was begun; `peer_id::none` where it cannot be: a PUSH
///                 of a transport that has none
template <class Transport, class Dialled>
void perform(core::outbox& box, policy::store_sequence committed, Transport& transport,
             std::vector<std::string_view>& frames, Dialled&& dialled) {
    box.perform(
        committed,
        [&](core::outgoing& m) {
            m.pairs.frames(m.layout, m.envelope, frames);
            // A peer that has gone, or reads too slowly, is told of by `closed`; what it missed is settled then.
            static_cast<void>(transport.send(m.to, frames));
        },
        [&](core::link_action const& action) {
            auto const* const dial = std::get_if<core::dial_action>(&action);
            if (dial == nullptr)
                transport.close(std::get<core::close_action>(action).peer);
            else
                dialled(dial->tag, dial->push ? dial_push(transport, dial->to, dial->tag)
                                              : transport.dial(dial->to, dial->tag));
        });
}

}  // namespace fastqueue::shell
