#pragma once

// Everything that needs no optional library: the roles, every policy, and what a task module is made with.
// `single_include/fastqueue/fastqueue.hpp` is made from this.

#include <fastqueue/balancing/power_of_two.hpp>
#include <fastqueue/balancing/round_robin.hpp>
#include <fastqueue/balancing/sticky.hpp>
#include <fastqueue/balancing/weighted.hpp>
#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/embedded.hpp>
#include <fastqueue/eviction/fifo.hpp>
#include <fastqueue/eviction/lfu.hpp>
#include <fastqueue/eviction/none.hpp>
#include <fastqueue/eviction/s3fifo.hpp>
#include <fastqueue/executor/inline_.hpp>
#include <fastqueue/executor/process.hpp>
#include <fastqueue/executor/selectable.hpp>
#include <fastqueue/module.hpp>
#include <fastqueue/observer/log.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/serialization/portable_binary.hpp>
#include <fastqueue/store/selectable.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/task.hpp>
#include <fastqueue/tasks/module_loader.hpp>
#include <fastqueue/version.hpp>
