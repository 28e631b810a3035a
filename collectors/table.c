/* table.c: every collector there is, in the order in which they are sampled and shown. */
#include "collectors/collectors.h"

#define ROW_ADDRESS(name) &collector_##name,
const struct collector *const collectors[] = { COLLECTORS(ROW_ADDRESS) };
const size_t collectors_len = sizeof collectors / sizeof *collectors;
