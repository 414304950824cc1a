#pragma once

// Everything but what needs an optional library. `single_include/fastqueue/fastqueue.hpp` is made from this.

#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/task.hpp>
#include <fastqueue/version.hpp>
