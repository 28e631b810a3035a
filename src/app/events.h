/* events.h: the Socket.IO namespaces and the tables of their events. */
#ifndef APP_EVENTS_H
#define APP_EVENTS_H

#include "app/call.h"

extern const struct event_rows events_metrics, events_alerts;

void events_root(struct app *app); /* namespace `/`: metrics and alerts */

#endif
