#include <fastqueue/wire/task_options.hpp>

#include "support/catch.hpp"

#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace fq = fastqueue;
using fq::errc;
using fq::wire::header;
using fq::wire::problem;
using fq::wire::read_options;
using fq::wire::request_options;

namespace {

/// Reads options that live as long as the line; `line` is kept by the caller.
std::optional<problem> read(std::string const& line, request_options& out) {
    header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    return read_options(h, out);
}
bool refused(std::string_view field) {
    auto const line = "FQ1 submit id name " + std::string{field};
    request_options out;
    auto const bad = read(line, out);
    if (bad) CHECK(bad->code == errc::bad_request);
    return bad.has_value();
}

}  // namespace

TEST_CASE("task_options: what is not said has FQ1's default", "[wire]") {
    request_options out;
    std::string const line = "FQ1 submit id name";
    REQUIRE_FALSE(read(line, out));
    CHECK_FALSE(out.task.priority);
    CHECK(out.task.retries == 0);
    CHECK(out.task.retry_delay_ms == 1000);
    CHECK(out.task.retry_backoff == 2);
    CHECK(out.task.retry_max_ms == 600'000);
    CHECK(out.task.retry_jitter == 0.1);
    CHECK(out.task.timeout_ms == 0);
    CHECK(out.task.delivery == fq::delivery::at_least_once);
    CHECK_FALSE(out.task.meta);
    CHECK_FALSE(out.task.reply_both);
    CHECK(out.content.empty());
}

TEST_CASE("task_options: each key is read", "[wire]") {
    request_options out;
    std::string const line =
        "FQ1 submit id name priority=critical retries=1000 retry_delay_ms=5 retry_backoff=1.5 "
        "retry_max_ms=70 "
        "retry_jitter=0.25 soft_timeout_ms=9 timeout_ms=10 countdown_ms=11 expires_ms=12 expires_us=13 "
        "delivery=at_most_once key=k meta=1 reply=both resent=0190a6e0-0000-7000-8000-000000000001 "
        "traceparent=00-a-b-01 content=other ref=r1 unheard_of=1";
    REQUIRE_FALSE(read(line, out));
    CHECK(out.task.priority == fq::priority::critical);
    CHECK(out.task.retries == 1000);
    CHECK(out.task.retry_delay_ms == 5);
    CHECK(out.task.retry_backoff == 1.5);
    CHECK(out.task.retry_max_ms == 70);
    CHECK(out.task.retry_jitter == 0.25);
    CHECK(out.task.soft_timeout_ms == 9);
    CHECK(out.task.timeout_ms == 10);
    CHECK(out.task.countdown_ms == 11U);
    CHECK(out.task.expires_ms == 12U);
    CHECK(out.task.expires_us == 13U);
    CHECK(out.task.delivery == fq::delivery::at_most_once);
    CHECK(out.task.key_hash != 0);
    CHECK(out.key == "k");
    CHECK(out.task.meta);
    CHECK(out.task.reply_both);
    CHECK(out.task.resent.text() == "0190a6e0-0000-7000-8000-000000000001");
    CHECK(out.has_attributes);
    CHECK(out.content == "other");
    CHECK(out.ref == "r1");
}

TEST_CASE("task_options: json said is as json left out", "[wire]") {
    request_options out;
    std::string const line = "FQ1 submit id name content=json";
    REQUIRE_FALSE(read(line, out));
    CHECK(out.content.empty());
}

TEST_CASE("task_options: fault 29: what is out of range or unreadable is refused, and named", "[wire]") {
    for (auto const* field : {"priority=urgent",
                              "priority=CRITICAL",
                              "priority=",
                              "retries=1001",
                              "retries=-1",
                              "retries=",
                              "retries=1.5",
                              "retry_delay_ms=-1",
                              "retry_delay_ms=9007199254740993",
                              "retry_backoff=0.5",
                              "retry_backoff=101",
                              "retry_backoff=nan",
                              "retry_jitter=1.1",
                              "retry_jitter=-0.1",
                              "retry_max_ms=x",
                              "timeout_ms=0",
                              "timeout_ms=-5",
                              "timeout_ms=18446744073709551616",
                              "soft_timeout_ms=x",
                              "countdown_ms=-1",
                              "countdown_ms=1e3",
                              "eta_us=tomorrow",
                              "expires_ms=",
                              "expires_us=-1",
                              "delivery=exactly_once",
                              "delivery=",
                              "key=",
                              "meta=yes",
                              "meta=",
                              "reply=never",
                              "resent=none",
                              "content=",
                              "ref="}) {
        CAPTURE(field);
        CHECK(refused(field));
    }
    CHECK(refused("ref=" + std::string(65, 'r')));
    CHECK_FALSE(refused("ref=" + std::string(64, 'r')));
    CHECK(refused("key=" + std::string(256, 'k')));
    CHECK_FALSE(refused("key=" + std::string(255, 'k')));
    CHECK(refused("content=" + std::string(65, 'c')));
    request_options out;
    std::string const line = "FQ1 submit id name retries=9999";
    auto const bad = read(line, out);
    REQUIRE(bad);
    CHECK(bad->token == "retries");
}

TEST_CASE("task_options: a countdown and an eta exclude each other", "[wire]") {
    CHECK(refused("countdown_ms=1 eta_us=2"));
    CHECK_FALSE(refused("countdown_ms=1"));
    CHECK_FALSE(refused("eta_us=2"));
}

TEST_CASE("task_options: a callback that cannot be is refused", "[wire]") {
    for (auto const* field :
         {"callback=127.0.0.1", "callback=tcp://127.0.0.1", "callback=tcp://127.0.0.1:0",
          "callback=tcp://*:1", "callback=", "callback_data=eA",
          "callback=tcp://127.0.0.1:1 callback_data=e+A", "callback=tcp://127.0.0.1:1 callback_data=eAAAA"}) {
        CAPTURE(field);
        CHECK(refused(field));
    }
    CHECK_FALSE(refused("callback=tcp://127.0.0.1:1"));
    CHECK_FALSE(refused("callback_data=eA callback=tcp://[::1]:1"));
    CHECK_FALSE(refused("callback=tcp://127.0.0.1:1 callback_data="));
}

TEST_CASE("task_options: fault 20: keys that nobody knows are passed over, whatever they begin with",
          "[wire]") {
    for (char c = 'a'; c <= 'z'; ++c) {
        CHECK_FALSE(refused(std::string(1, c) + "=1"));
        CHECK_FALSE(refused(std::string(2, c) + "_x=1"));
    }
    CHECK_FALSE(refused("tag.color=red"));
}

TEST_CASE("task_options: what is written is read back", "[wire]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const chance = [&] { return random() % 2 == 0; };
    for (int round = 0; round < 500; ++round) {
        fq::task_options o;
        if (chance()) o.priority = static_cast<fq::priority>(random() % 4);
        if (chance()) o.delivery = fq::delivery::at_most_once;
        o.meta = chance();
        o.reply_both = chance();
        o.retries = static_cast<std::uint32_t>(random() % 1001);
        o.retry_delay_ms = random() % (fq::wire::max_number + 1);
        o.retry_backoff = 1 + static_cast<double>(random() % 99'000) / 1000.0;
        o.retry_max_ms = random() % 1'000'000;
        o.retry_jitter = static_cast<double>(random() >> 11U) * 0x1.0p-53;
        if (chance()) o.timeout_ms = 1 + random() % 1000;
        if (chance()) o.soft_timeout_ms = 1 + random() % 1000;
        if (chance()) o.countdown_ms = random() % 1000;
        if (!o.countdown_ms && chance()) o.eta_us = random() % fq::wire::max_number;
        if (chance()) o.expires_ms = random() % 1000;
        if (chance()) o.expires_us = random() % fq::wire::max_number;
        fq::wire::octet_buffer written;
        fq::wire::header_writer out{written, "submit"};
        fq::wire::write_options(out, o);
        std::string const line{written.view()};
        CAPTURE(line);
        request_options back;
        REQUIRE_FALSE(read(line, back));
        CHECK(back.task.priority == o.priority);
        CHECK(back.task.delivery == o.delivery);
        CHECK(back.task.meta == o.meta);
        CHECK(back.task.reply_both == o.reply_both);
        CHECK(back.task.retries == o.retries);
        CHECK(back.task.retry_delay_ms == o.retry_delay_ms);
        CHECK(back.task.retry_backoff == o.retry_backoff);
        CHECK(back.task.retry_max_ms == o.retry_max_ms);
        CHECK(back.task.retry_jitter == o.retry_jitter);
        CHECK(back.task.timeout_ms == o.timeout_ms);
        CHECK(back.task.soft_timeout_ms == o.soft_timeout_ms);
        CHECK(back.task.countdown_ms == o.countdown_ms);
        CHECK(back.task.eta_us == o.eta_us);
        CHECK(back.task.expires_ms == o.expires_ms);
        CHECK(back.task.expires_us == o.expires_us);
    }
}

TEST_CASE("task_options: fractions too small to be written out are written short", "[wire]") {
    for (double const tiny : {1e-20, 1e-100, 1e-300, std::numeric_limits<double>::denorm_min()}) {
        fq::task_options o;
        o.retry_jitter = tiny;
        fq::wire::octet_buffer written;
        fq::wire::header_writer out{written, "submit"};
        fq::wire::write_options(out, o);
        std::string const line{written.view()};
        CAPTURE(line);
        request_options back;
        REQUIRE_FALSE(read(line, back));
        CHECK(back.task.retry_jitter >= 0);
        CHECK(back.task.retry_jitter < 1e-15);
    }
}

TEST_CASE("task_options: what a task bears is kept as it was said, and the rest is not", "[wire]") {
    request_options out;
    std::string const line =
        "FQ1 submit id name tag.customer=42 retries=1 unique=k=v traceparent=00-a-b-01 tag.urgent=1 "
        "on_duplicate=replace";
    REQUIRE_FALSE(read(line, out));
    CHECK(out.unique == "k=v");
    CHECK(out.on_duplicate == fq::on_duplicate::replace);
    CHECK(out.tags == 2);
    fq::wire::header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    auto const text = fq::wire::attributes_of(h);
    CHECK(text == "tag.customer=42 unique=k=v traceparent=00-a-b-01 tag.urgent=1");
    fq::task_attributes const bears{text};
    CHECK(bears.get("unique") == "k=v");
    CHECK(bears.get("traceparent") == "00-a-b-01");
    CHECK(bears.get("callback").empty());
    std::vector<std::string> tags;
    bears.each_tag([&](std::string_view key, std::string_view value) {
        tags.push_back(std::string{key} + ':' + std::string{value});
    });
    CHECK(tags == std::vector<std::string>{"customer:42", "urgent:1"});
    CHECK(fq::task_attributes{""}.get("unique").empty());
}

TEST_CASE("task_options: keys and tags that cannot be are refused with the reason", "[wire]") {
    auto const refusal = [](std::string const& fields) {
        request_options out;
        auto const line = "FQ1 submit id name " + fields;
        auto const bad = read(line, out);
        return bad ? std::string{bad->token} + ": " + std::string{bad->why} : std::string{};
    };
    CHECK(refusal("unique=") == "unique: the key has 1 to 255 characters");
    CHECK(refusal("unique=" + std::string(256, 'x')) == "unique: the key has 1 to 255 characters");
    CHECK(refusal("on_duplicate=wait") == "on_duplicate: it is reject, attach or replace");
    CHECK(refusal("tag.a=") == "tag.a: a tag's value has 1 to 255 characters");
    CHECK(refusal("tag.=1") == "tag.: a tag's key is 1 to 64 of A-Z a-z 0-9 . _ : -");
    CHECK(refusal("tag." + std::string(65, 'x') + "=1").ends_with("1 to 64 of A-Z a-z 0-9 . _ : -"));
    std::string many;
    for (int i = 0; i < 9; ++i) many += " tag.k" + std::to_string(i) + "=1";
    CHECK(refusal(many.substr(1)) == "tag.k8: a task has at most 8 tags");
}
