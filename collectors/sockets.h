/* sockets.h: what the tests see of sockets.c. */
#ifndef COLLECTORS_SOCKETS_H
#define COLLECTORS_SOCKETS_H

#include "collectors/text.h"

/* include/net/tcp_states.h of the kernel: 1 is ESTABLISHED, 11 CLOSING. */
#define TCP_STATES 12
#define TCP_SYN_RECV_STATE 3
#define TCP_NEW_SYN_RECV 12

/* Adds the sockets of /proc/net/tcp or tcp6 to the count of each state. Pure. */
void sockets_count_states(struct text text, uint64_t count[TCP_STATES]);

#endif
