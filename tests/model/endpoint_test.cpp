#include <fastqueue/model/endpoint.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>

using fastqueue::endpoint;
using fastqueue::make_endpoint;
using fastqueue::parse_endpoint;

namespace {

std::string problem(std::string_view text) {
    endpoint untouched{"before", 1};
    auto const reason = parse_endpoint(text, untouched);
    CHECK(untouched == endpoint{"before", 1});
    return std::string{reason};
}

}  // namespace

TEST_CASE("endpoint: reads host and port, and writes the same again", "[model]") {
    auto const text = GENERATE(as<std::string>{}, "tcp://127.0.0.1:5555", "tcp://localhost:0",
                               "tcp://*:65535", "tcp://[::1]:80", "tcp://[fe80::1%eth0]:80",
                               "tcp://[::ffff:10.0.0.1]:1", "tcp://a-b_c.example:9");
    CAPTURE(text);
    CHECK(make_endpoint(text).text() == text);
}

TEST_CASE("endpoint: takes the longest host name there is", "[model]") {
    std::string const host(253, 'a');
    CHECK(make_endpoint("tcp://" + host + ":1").host == host);
}

TEST_CASE("endpoint: a star asks for a free port", "[model]") {
    CHECK(make_endpoint("tcp://127.0.0.1:*") == endpoint{"127.0.0.1", 0});
}

TEST_CASE("endpoint: refuses malformed addresses and says why", "[model]") {
    CHECK(problem("") == "it does not begin with tcp://");
    CHECK(problem("127.0.0.1:5555") == "it does not begin with tcp://");
    CHECK(problem("http://127.0.0.1:5555") == "it does not begin with tcp://");
    CHECK(problem("TCP://127.0.0.1:5555") == "it does not begin with tcp://");
    CHECK(problem(" tcp://127.0.0.1:5555") == "it does not begin with tcp://");
    CHECK(problem("ipc:///tmp/fq") == "it does not begin with tcp://");
    CHECK(problem("tcp://") == "the port is missing");
    CHECK(problem("tcp://127.0.0.1") == "the port is missing");
    CHECK(problem("tcp://127.0.0.1:") == "the port is missing");
    CHECK(problem("tcp://:5555") == "the host is missing");
    CHECK(problem("tcp://127.0.0.1:70000") == "the port is over 65535");
    CHECK(problem("tcp://127.0.0.1:65536") == "the port is over 65535");
    CHECK(problem("tcp://127.0.0.1:99999999999999999999") == "the port is over 65535");
    CHECK(problem("tcp://127.0.0.1:-1") == "the port is not a number");
    CHECK(problem("tcp://127.0.0.1:+1") == "the port is not a number");
    CHECK(problem("tcp://127.0.0.1:45672abc") == "the port is not a number");
    CHECK(problem("tcp://127.0.0.1:0x10") == "the port is not a number");
    CHECK(problem("tcp://127.0.0.1:5555 ") == "the port is not a number");
    CHECK(problem("tcp://127.0.0.1: 5555") == "the port is not a number");
    CHECK(problem("tcp://127.0.0.1:5555/") == "the port is not a number");
    CHECK(problem("tcp://127.0.0 .1:5555") == "the host has a character that no host name has");
    CHECK(problem("tcp://a/b:5555") == "the host has a character that no host name has");
    CHECK(problem(std::string_view{"tcp://a\0b:5555", 14}) ==
          "the host has a character that no host name has");
    CHECK(problem(std::string_view{"tcp://a:55\00055", 13}) == "the port is not a number");
    CHECK(problem("tcp://" + std::string(300, 'a') + ":5555") ==
          "the host name is longer than 253 characters");
    CHECK(problem("tcp://::1:5555") == "an IPv6 address must stand in brackets");
    CHECK(problem("tcp://a:1:2") == "an IPv6 address must stand in brackets");
    CHECK(problem("tcp://[::1") == "the bracket is not closed");
    CHECK(problem("tcp://[::1:5555") == "the bracket is not closed");
    CHECK(problem("tcp://[::1]") == "the port is missing");
    CHECK(problem("tcp://[::1]5555") == "the port is missing");
    for (std::string_view const host :
         {"", "127.0.0.1", ":::", "1:2", "::g", "1::2::3", "12345::", "%eth0", "*"}) {
        CAPTURE(host);
        CHECK(problem("tcp://[" + std::string{host} + "]:1") ==
              "what stands in brackets is not an IPv6 address");
    }
    CHECK(problem("tcp://[" + std::string(300, ':') + "]:1") ==
          "what stands in brackets is not an IPv6 address");
    CHECK(problem(std::string_view{"tcp://[::1\0]:1", 14}) ==
          "what stands in brackets is not an IPv6 address");
    CHECK(problem("tcp://[::1%]:1") == "the address has a malformed zone");
    CHECK(problem("tcp://[::1%a b]:1") == "the address has a malformed zone");
    CHECK(problem("tcp://[::1%\n]:1") == "the address has a malformed zone");
}

TEST_CASE("endpoint: the exception names the address, what is wrong and how one looks", "[model]") {
    try {
        (void)make_endpoint("tcp://127.0.0.1:70000");
        FAIL("no exception");
    } catch (fastqueue::error const& e) {
        CHECK(e.code() == fastqueue::errc::bad_address);
        CHECK(e.text() ==
              "'tcp://127.0.0.1:70000' is not an address: the port is over 65535; write it as "
              "tcp://127.0.0.1:5555");
    }
}

TEST_CASE("endpoint: counts ports further, and not past the last", "[model]") {
    CHECK(endpoint{"h", 65532}.plus(3) == endpoint{"h", 65535});
    CHECK_FALSE(endpoint{"h", 65533}.plus(3).has_value());
    CHECK_FALSE(endpoint{"h", 1}.plus(~0U).has_value());
    CHECK(endpoint{"h", 0}.plus(3) == endpoint{"h", 0});
}

TEST_CASE("endpoint: knows what kind of host it has", "[model]") {
    for (auto const* host : {"*", "0.0.0.0", "::"}) CHECK(endpoint{host, 1}.is_wildcard());
    for (auto const* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1"})
        CHECK(endpoint{host, 1}.is_loopback());
    CHECK_FALSE(endpoint{"10.0.0.1", 1}.is_wildcard());
    CHECK_FALSE(endpoint{"10.0.0.1", 1}.is_loopback());
    CHECK(endpoint{"::1", 1}.is_ipv6());
    CHECK_FALSE(endpoint{"127.0.0.1", 1}.is_ipv6());
}
