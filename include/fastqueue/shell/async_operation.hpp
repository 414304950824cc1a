#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/pending_answer.hpp>

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <memory>
#include <system_error>
#include <utility>

namespace fastqueue::shell {

/// An operation whose end a completion handler is told of: with its executor, its allocator and its cancellation slot, none
/// of which needs to be known to the machine. It destroys itself when it has ended, before the handler is called.
///
/// \tparam Convert  makes of a `kept_answer` what the handler takes, and calls it: `convert(handler, std::move(answer))`
template <class Handler, class Convert, class Fallback>
class async_operation final : public answer_handler {
public:
    using executor_type = asio::associated_executor_t<Handler, Fallback>;

    /// \param fallback  where a handler runs that has no executor of its own
    template <class Driver>
    static void start(Driver& driver, Fallback const& fallback, core::client_request request, Handler handler,
                      Convert convert) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            request.number = driver.inbox()->next_number();
            slot.assign([inbox = std::weak_ptr<client_inbox>{driver.inbox()},
                         number = request.number](asio::cancellation_type) {
                if (auto const there = inbox.lock()) there->cancel(number);
            });
        }
        allocator memory{asio::get_associated_allocator(handler)};
        auto* const made = traits::allocate(memory, 1);
        try {
            auto const executor = asio::get_associated_executor(handler, fallback);
            traits::construct(memory, made, std::move(handler), std::move(convert), executor,
                              driver.is_guest());
        } catch (...) {
            traits::deallocate(memory, made, 1);
            throw;
        }
        driver.post(std::move(request), *made);
    }

    async_operation(Handler handler, Convert convert, executor_type const& executor, bool later)
        : handler_{std::move(handler)}, convert_{std::move(convert)}, work_{executor}, later_{later} {}

    void answered(core::client_answer const& answer) noexcept override {
        kept_answer kept;
        keep(answer, kept);
        if (kept.error == std::errc::operation_canceled) kept.error = asio::error::operation_aborted;
        auto const work = std::move(work_);
        bool const later = later_;
        ending end{std::move(handler_), std::move(convert_), std::move(kept)};
        allocator memory{asio::get_associated_allocator(end.handler)};
        traits::destroy(memory, this);
        traits::deallocate(memory, this, 1);
        later ? asio::post(work.get_executor(), std::move(end))
              : asio::dispatch(work.get_executor(), std::move(end));
    }

private:
    using allocator = typename std::allocator_traits<
        asio::associated_allocator_t<Handler>>::template rebind_alloc<async_operation>;
    using traits = std::allocator_traits<allocator>;

    /// The call of the handler.
    struct ending {
        Handler handler;
        Convert convert;
        kept_answer answer;

        void operator()() {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) slot.clear();
            convert(std::move(handler), std::move(answer));
        }
    };

    Handler handler_;
    Convert convert_;
    asio::executor_work_guard<executor_type> work_;  // it has something to do until the handler was called
    bool later_;  // not within the client's own turn: the handler may destroy the client
};

}  // namespace fastqueue::shell
