#pragma once

// The light door: all that a task's author needs, and no sockets. Handles, registry, context, invocations.

#include <fastqueue/model/outcome.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/tasks/argument.hpp>
#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/failure.hpp>
#include <fastqueue/tasks/handle.hpp>
#include <fastqueue/tasks/invocation.hpp>
#include <fastqueue/tasks/recurrence.hpp>
#include <fastqueue/tasks/registry.hpp>
