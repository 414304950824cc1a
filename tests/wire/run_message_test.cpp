#include <fastqueue/wire/run_message.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <random>
#include <string>

namespace fq = fastqueue;
using namespace fastqueue::wire;

namespace {

auto const id = fq::uuid::parse("0190a6e0-0000-7000-8000-000000000001").value();
std::string const id_text = id.text();

template <class Message>
bool reads(std::string const& line) {
    header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    Message m;
    return !m.read(h);
}

}  // namespace

TEST_CASE("run: what is written is read back", "[wire]") {
    run_message m;
    m.lease = {id, 4'294'967'295U};
    m.name = "a.b:c-d_E9";
    m.level = fq::priority::low;
    m.soft_timeout_ms = 5;
    m.timeout_ms = max_number;
    m.content = "cereal-portable-binary";
    m.traceparent = "00-1-2-01";
    fq::wire::octet_buffer written;
    header_writer out{written, "run"};
    m.write(out, true);
    std::string const line{written.view()};
    header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    run_message back;
    REQUIRE_FALSE(back.read(h));
    CHECK(back.lease.id == id);
    CHECK(back.lease.attempt == 4'294'967'295U);
    CHECK(back.name == m.name);
    CHECK(back.level == fq::priority::low);
    CHECK(back.soft_timeout_ms == 5);
    CHECK(back.timeout_ms == max_number);
    CHECK(back.content == m.content);
    CHECK(back.traceparent == m.traceparent);
}

TEST_CASE("run: what is usual is not written", "[wire]") {
    run_message m;
    m.lease = {id, 1};
    m.name = "add";
    fq::wire::octet_buffer written;
    header_writer out{written, "run"};
    m.write(out, false);
    std::string const line{written.view()};
    CHECK(line == "FQ1 run " + id_text + " 1 add");
}

TEST_CASE("run: malformed ones are refused", "[wire]") {
    CHECK(reads<run_message>("FQ1 run " + id_text + " 1 add"));
    CHECK(reads<run_message>("FQ1 run " + id_text + " 1 add later=1"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " 0 add"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " 4294967296 add"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " -1 add"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " add"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " 1 add more"));
    CHECK_FALSE(reads<run_message>("FQ1 run 1234 1 add"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " 1 add priority=top"));
    CHECK_FALSE(reads<run_message>("FQ1 run " + id_text + " 1 add timeout_ms=-1"));
}

TEST_CASE("done: what is written is read back, in every state", "[wire]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int round = 0; round < 200; ++round) {
        done_message m;
        m.lease = {id, static_cast<std::uint32_t>(random() | 1U)};
        m.end = static_cast<run_end>(random() % 4);
        m.took_us = random() % 3 == 0 ? std::nullopt : std::optional<std::uint64_t>{random() % max_number};
        if (m.end == run_end::failure) {
            m.code = random() % 2 == 0 ? fq::errc::handler_error : fq::errc::bad_arguments;
            m.final = random() % 2 == 0;
            if (random() % 2 == 0) m.retry_after_ms = random() % 10'000;
        }
        fq::wire::octet_buffer written;
        header_writer out{written, "done"};
        m.write(out);
        std::string const line{written.view()};
        CAPTURE(line);
        header h;
        REQUIRE_FALSE(h.parse(line, 4096));
        done_message back;
        REQUIRE_FALSE(back.read(h));
        CHECK(back.lease.attempt == m.lease.attempt);
        CHECK(back.end == m.end);
        CHECK(back.code == m.code);
        CHECK(back.final == m.final);
        CHECK(back.took_us == m.took_us);
        CHECK(back.retry_after_ms == m.retry_after_ms);
    }
}

TEST_CASE("done: malformed ones are refused", "[wire]") {
    auto const front = "FQ1 done " + id_text + " 1";
    CHECK(reads<done_message>(front + " success"));
    CHECK_FALSE(reads<done_message>(front));
    CHECK_FALSE(reads<done_message>(front + " expired"));
    CHECK_FALSE(reads<done_message>(front + " SUCCESS"));
    CHECK_FALSE(reads<done_message>(front + " success more"));
    CHECK_FALSE(reads<done_message>(front + " success took_us=fast"));
    CHECK_FALSE(reads<done_message>(front + " failure final=maybe"));
    CHECK_FALSE(reads<done_message>(front + " failure retry_after_ms=-1"));
    CHECK_FALSE(reads<done_message>("FQ1 done " + id_text + " 0 success"));
}

TEST_CASE("done: a failure with no code, or one that nobody knows, is the handler's", "[wire]") {
    for (auto const* tail : {" failure", " failure code=never_heard_of"}) {
        header h;
        auto const line = "FQ1 done " + id_text + " 1" + tail;
        REQUIRE_FALSE(h.parse(line, 4096));
        done_message m;
        REQUIRE_FALSE(m.read(h));
        CHECK(m.code == fq::errc::handler_error);
    }
}

TEST_CASE("lease: the verb's number of tokens is kept to", "[wire]") {
    header h;
    lease_name lease;
    auto const line = "FQ1 recall " + id_text + " 2";
    REQUIRE_FALSE(h.parse(line, 4096));
    CHECK_FALSE(read_lease(h, 2, lease));
    CHECK(lease.attempt == 2);
    CHECK(read_lease(h, 3, lease));
}
