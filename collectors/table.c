/* table.c: every collector there is, in the order in which they are sampled and shown. */
#include "collectors/collectors.h"

const struct collector *const collectors[] = {
	&collector_cpu, &collector_memory, &collector_load, &collector_pressure, &collector_disk, &collector_network,
	&collector_sockets, &collector_host, &collector_self,
};
const size_t collectors_len = sizeof collectors / sizeof *collectors;
