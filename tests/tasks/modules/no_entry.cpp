// A shared object that is no task module.
extern "C" int something_else() { return 1; }
