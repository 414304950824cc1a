#pragma once

#include <fastqueue/client_options.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/client_requests.hpp>
#include <fastqueue/shell/pending_answer.hpp>

#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace fastqueue::cli {

/// Asks the management port for something that takes a payload, which a client's `document` has no place for. One thread at
/// a time.
class payload_call {
public:
    explicit payload_call(client_options const& options)
        : requests_{options}, driver_{requests_.machine_options(), nullptr}, thread_{[this] {
              driver_.run();
          }} {}
    ~payload_call() {
        driver_.stop();
        thread_.join();
    }
    payload_call(payload_call const&) = delete;
    payload_call& operator=(payload_call const&) = delete;

    /// \param verb  of a literal
    /// \return the answer's document
    /// \throws error
    [[nodiscard]] std::string ask(std::string_view verb, std::string payload) {
        auto request = requests_.document(verb, {});
        request.payload = std::move(payload);
        shell::pending_answer pending;
        driver_.post(std::move(request), pending);
        auto answer = pending.wait();
        if (!answer.error) return std::move(answer.payload);
        throw error{answer.error, answer.payload.empty() ? answer.error.message() : answer.payload};
    }

private:
    shell::client_requests requests_;
    shell::client_driver<default_policies> driver_;
    std::thread thread_;
};

}  // namespace fastqueue::cli
