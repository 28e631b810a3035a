/* routes.c: what is at which path. */
#include "app/routes.h"

#include "app/answers.h"
#include "app/auth.h"
#include "app/turns.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

/* --- JSON mirrors of the requests --- */

static bool may_read(struct app *app, struct http_request *r)
{
	if (auth_of_request(app, http_head(r)).role >= ROLE_VIEWER)
		return true;
	http_add_header(r, "WWW-Authenticate", "Bearer"); /* RFC 9110 11.6.1: a 401 names the scheme */
	http_error(r, 401, "unauthorized");
	return false;
}

static void answer(struct app *app, struct http_request *r, answer_fn *fn)
{
	struct buf query, out;
	struct params p;

	buf_init(&query, SIZE_MAX / 2);
	buf_init(&out, SIZE_MAX / 2);
	params_from_query(http_head(r), &query);
	params_init(&p, slice_of(query.data, query.len));
	buf_adds(&out, "{\"status\":\"ok\",");
	fn(app, &p, &out);
	buf_adds(&out, "}\n");
	http_add_header(r, "Cache-Control", "no-store");
	if (params_ok(&p))
		http_reply_buf(r, 200, "application/json; charset=utf-8", &out);
	else
		http_error(r, 400, p.error);
	buf_release(&query);
	buf_release(&out);
}

static void mirror(struct app *app, struct http_request *r, answer_fn *fn)
{
	if (may_read(app, r))
		answer(app, r, fn);
}

/* One that waits for its turn (turns.h). */
struct put_off {
	struct app *app;
	struct http_request *request;  /* NULL once its client has left */
	answer_fn *fn;
};

static void on_gone(void *user)
{
	((struct put_off *)user)->request = NULL;
}

static void on_turn(void *request)
{
	struct put_off *p = request;

	if (p->request)
		answer(p->app, p->request, p->fn);
	free(p);
}

/* A connection has one request at a time: it is the client. */
static void mirror_heavy(struct app *app, struct http_request *r, answer_fn *fn)
{
	struct put_off *p;

	if (!may_read(app, r))
		return;
	if (turns_now(app->turns)) {
		answer(app, r, fn);
		return;
	}
	p = xzalloc(sizeof *p);
	*p = (struct put_off){app, r, fn};
	http_on_gone(r, on_gone, p);
	if (turns_later(app->turns, r, 0, on_turn, p))
		return;
	http_on_gone(r, NULL, NULL);
	free(p);
	http_add_header(r, "Retry-After", "1");
	http_error(r, 503, "too many requests wait for their turn");
}

static void on_series(void *app, struct http_request *r)
{
	mirror_heavy(app, r, answer_series);
}

static void on_history(void *app, struct http_request *r)
{
	mirror_heavy(app, r, answer_history);
}

static void on_processes(void *app, struct http_request *r)
{
	mirror_heavy(app, r, answer_processes);
}

static void on_status(void *app, struct http_request *r)
{
	mirror(app, r, answer_status);
}

static void on_events(void *app, struct http_request *r)
{
	mirror(app, r, answer_events);
}

/* --- health: for whoever asks, and without content --- */

static void reply_text(struct http_request *r, int status, const char *text)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_adds(&b, text);
	http_add_header(r, "Cache-Control", "no-store");
	http_reply_buf(r, status, "application/json; charset=utf-8", &b);
}

static void on_healthz(void *app, struct http_request *r)
{
	(void)app;
	reply_text(r, 200, "{\"status\":\"ok\"}\n");
}

#define MAX_COLLECTORS 64

/* One collector that has read its source is enough, as others may never; none is, where all are switched off. */
static bool is_ready(struct app *app)
{
	struct collect_health health[MAX_COLLECTORS];
	size_t n = collect_health(app->collect, health, MAX_COLLECTORS), waiting = 0;

	for (size_t i = 0; i < n && i < MAX_COLLECTORS; i++) {
		if (health[i].state == COLLECT_OK)
			return true;
		waiting += health[i].state != COLLECT_DISABLED;
	}
	return !waiting;
}

static void on_readyz(void *app, struct http_request *r)
{
	if (is_ready(app))
		reply_text(r, 200, "{\"status\":\"ok\"}\n");
	else
		reply_text(r, 503, "{\"status\":\"error\",\"error\":\"no collector has read anything yet\"}\n");
}

/* --- the rest --- */

static void on_metrics(void *app, struct http_request *r)
{
	if (may_read(app, r))
		exposition_reply(app, r);
}

static void on_file(void *user, struct http_request *r)
{
	struct app *app = user;
	const char *path = http_path(r);

	if (!http_reply_asset(r, strcmp(path, "/") == 0 ? "/index.html" : path, app->config->web_dir))
		http_error(r, 404, "there is nothing at this path");
}

static const struct http_route routes[] = {
	{"GET", "/metrics",          on_metrics},
	{"GET", "/healthz",          on_healthz},
	{"GET", "/readyz",           on_readyz},
	{"GET", "/api/v1/series",    on_series},
	{"GET", "/api/v1/history",   on_history},
	{"GET", "/api/v1/processes", on_processes},
	{"GET", "/api/v1/status",    on_status},
	{"GET", "/api/v1/events",    on_events},
	{"GET",    "/api/v1/session",       auth_session_get},
	{"POST",   "/api/v1/session",       auth_session_post},
	{"DELETE", "/api/v1/session",       auth_session_delete},
	{"GET",    "/api/v1/alerts",        route_alerts},
	{"POST",   "/api/v1/alerts/*",      route_acknowledge}, /* alerts/ID/acknowledge */
	{"GET",    "/api/v1/rules",         route_rules},
	{"GET",    "/api/v1/rules/*",       route_explain},      /* rules/NAME/explain */
	{"GET",    "/api/v1/silences",      route_silences},
	{"POST",   "/api/v1/silences",      route_silence},
	{"GET",    "/api/v1/channels",      route_channels},
	{"POST",   "/api/v1/channels/*",    route_channel},      /* channels/NAME/test, channels/NAME/resend */
	{"GET",    "/api/v1/deliveries",    route_deliveries},
	{"POST",   "/api/v1/deliveries/*",  route_resend},       /* deliveries/ID/resend */
	{"GET",    "/api/v1/audit",         route_audit},
	{"GET", "/*",                on_file},
};

void routes_open(struct app *app)
{
	struct http_options o;

	http_options_init(&o);
	o.routes = routes;
	o.nroutes = sizeof routes / sizeof *routes;
	o.user = app;
	o.guard = guard_request;
	o.headers = guard_headers;
	app->http = http_server_new(app->loop, &o);
	http_server_attach(app->http, sio_engine(app->io), app->config->socketio.serve_client);
}
