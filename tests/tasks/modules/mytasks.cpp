// The example's module, so that the tests find it where they find the others.
#include "../../../examples/mytasks/mytasks.cpp"
