/* events.h: the Socket.IO namespaces, one file and one function each. */
#ifndef APP_EVENTS_H
#define APP_EVENTS_H

#include "app/call.h"

void events_metrics(struct app *app); /* namespace `/` */

#endif
