#include <fastqueue/serialization/json.hpp>
#include <fastqueue/serialization/portable_binary.hpp>

#include "laws/serialization_laws.hpp"
#include "support/catch.hpp"

TEST_CASE("json: keeps the laws of a serialization", "[serialization]") {
    laws::serialization_laws<fastqueue::serialization::json>();
}

TEST_CASE("portable_binary: keeps the laws of a serialization", "[serialization]") {
    laws::serialization_laws<fastqueue::serialization::portable_binary>();
}
