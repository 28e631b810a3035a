/* app.h: what the running program is made of. Everything is the loop thread's. */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/cli.h"
#include "app/config.h"
#include "app/journal.h"
#include "collect/collect.h"
#include "http/http.h"
#include "loop/loop.h"
#include "socketio/socketio.h"
#include "store/store.h"

struct feed;
struct auth;
struct alerting;
struct turns;
struct db;
struct fetch;
struct supervisor;

struct app {
	struct loop *loop;
	struct cli *cli;
	struct config *config;
	struct config *first;          /* what we started with, and some keys stay with until the end */
	struct store *store;
	struct store_config store_config; /* as it was made: a reload does not change it */
	struct collect *collect;
	struct sio_server *io;
	struct http_server *http;
	struct feed *feed;
	struct db *db;                 /* NULL: state could not be opened, and nothing that needs it runs */
	struct fetch *fetch;
	struct auth *auth;
	struct alerting *alerting;
	struct turns *turns;           /* of requests that take long */
	struct supervisor *supervisor; /* the service manager's ear */
	struct journal journal;
	char hostname[65], os[128], time_zone[128];
	int64_t started_up_ms;         /* how long the host had been up when we started */
	int64_t boot_ms, started_ms;   /* when it booted and we started, by the wall clock at the last question for the status */
	uint64_t events, event_errors; /* Socket.IO requests served, and those that failed */
};

/* Requests served since start, HTTP and Socket.IO together, and those that failed. */
uint64_t app_requests(const struct app *app);
uint64_t app_errors(const struct app *app);
/* Notes what happened and tells the dashboards. */
void app_event(struct app *app, const char *kind, const char *text);

#endif
