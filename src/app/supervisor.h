/* supervisor.h: what the service manager that started us is told, as sd_notify(3) describes it: one datagram for each state.
 *
 * Nothing where NOTIFY_SOCKET is not set. The loop's thread. */
#ifndef APP_SUPERVISOR_H
#define APP_SUPERVISOR_H

#include "loop/loop.h"

struct supervisor;
/* Takes its variables out of the environment, so that no child speaks for us: before there are threads. */
struct supervisor *supervisor_new(struct loop *loop);
void supervisor_free(struct supervisor *s);

/* It serves; status is one line for people. From then on it is told that the loop turns, twice in WATCHDOG_USEC. */
void supervisor_ready(struct supervisor *s, const char *status);
void supervisor_reloading(struct supervisor *s); /* until it is ready again */
void supervisor_stopping(struct supervisor *s);

#endif
