/* routes_alerts.c: the HTTP side of alerts: the same answers as the events of namespace `/`. */
#include "app/alerting.h"
#include "app/auth.h"
#include "app/routes.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

/* --- answering later --- */

struct waiting {
	struct http_request *request;  /* NULL once its client has left */
};

static void on_gone(void *user)
{
	((struct waiting *)user)->request = NULL;
}

static void reply_ok(struct http_request *r, const char *members)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "{\"status\":\"ok\"%s%s}\n", members && *members ? "," : "", members ? members : "");
	http_add_header(r, "Cache-Control", "no-store");
	http_reply_buf(r, 200, "application/json; charset=utf-8", &b);
}

static void reply_error(struct http_request *r, const char *error)
{
	if (strcmp(error, ALERTING_UNREAD) == 0)
		http_error(r, 503, error);
	else
		http_error(r, strncmp(error, "there is no such", 16) == 0 ? 404 : 400, error);
}

static void finish(void *user, const char *error, const char *members)
{
	struct waiting *w = user;

	if (w->request && error)
		reply_error(w->request, error);
	else if (w->request)
		reply_ok(w->request, members);
	free(w);
}

static struct waiting *wait_for(struct http_request *r)
{
	struct waiting *w = xzalloc(sizeof *w);

	w->request = r;
	http_on_gone(r, on_gone, w);
	return w;
}

/* --- who may --- */

static bool may(struct app *app, struct http_request *r, enum role least, struct identity *who)
{
	*who = auth_of_request(app, http_head(r));
	if (who->role >= least && (least == ROLE_VIEWER || auth_same_origin(http_head(r))))
		return true;
	if (who->role >= least) {
		http_error(r, 403, "that must come from the dashboard's own page, or carry a token");
		return false;
	}
	http_add_header(r, "WWW-Authenticate", "Bearer");
	http_error(r, who->role == ROLE_NONE ? 401 : 403, who->role == ROLE_NONE ? "unauthorized" : "this takes the operator role");
	return false;
}

/* Parameters of a GET: its query; of a POST: its body. Release text when they were used. */
static void read_params(struct http_request *r, struct buf *text, struct params *p)
{
	struct slice body;

	buf_init(text, SIZE_MAX / 2);
	body.p = http_body(r, &body.n);
	if (strcmp(http_method(r), "POST") != 0)
		params_from_query(http_head(r), text);
	else
		json_add_slice(text, body);
	params_init(p, slice_of("", 0));
	if (text->len && !json_valid(slice_of(text->data, text->len), 20))
		params_fail(p, "the body must be a JSON object");
	else
		params_init(p, slice_of(text->data, text->len));
}

typedef void ask_fn(struct alerting *al, struct params *p, alerting_done_fn *done, void *user);

static void ask(struct app *app, struct http_request *r, enum role least, ask_fn *fn)
{
	struct identity who;
	struct buf text;
	struct params p;

	if (!may(app, r, least, &who))
		return;
	read_params(r, &text, &p);
	fn(app->alerting, &p, finish, wait_for(r));
	buf_release(&text);
}

/* --- lists --- */

/* The ID of /api/v1/alerts/ID/acknowledge: what stands between prefix and the last word. */
static bool id_of(struct http_request *r, const char *prefix, const char *word, char *out, size_t size)
{
	const char *path = http_path(r), *id = path + strlen(prefix), *slash = strrchr(path, '/');

	if (!slash || slash <= id || strcmp(slash + 1, word) != 0 || (size_t)(slash - id) >= size) {
		http_error(r, 404, "there is nothing at this path");
		return false;
	}
	memcpy(out, id, (size_t)(slash - id));
	out[slash - id] = '\0';
	return true;
}

void route_alerts(void *app, struct http_request *r)
{
	ask(app, r, ROLE_VIEWER, alerting_list);
}

void route_deliveries(void *app, struct http_request *r)
{
	ask(app, r, ROLE_VIEWER, alerting_deliveries);
}

void route_audit(void *app, struct http_request *r)
{
	ask(app, r, ROLE_OPERATOR, alerting_audit);
}

static void reply_list(struct app *app, struct http_request *r, const char *member, void (*put)(struct alerting *al, struct buf *out))
{
	struct identity who;
	struct buf b;

	if (!may(app, r, ROLE_VIEWER, &who))
		return;
	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "\"%s\":", member);
	put(app->alerting, &b);
	reply_ok(r, b.data);
	buf_release(&b);
}

static void put_rules(struct alerting *al, struct buf *out)
{
	alerts_rules_json(alerting_alerts(al), out);
}

void route_rules(void *app, struct http_request *r)
{
	reply_list(app, r, "rules", put_rules);
}

/* /api/v1/rules/NAME/explain */
void route_explain(void *user, struct http_request *r)
{
	struct app *app = user;
	struct identity who;
	char name[65];
	struct buf text, b;

	if (!id_of(r, "/api/v1/rules/", "explain", name, sizeof name) || !may(app, r, ROLE_VIEWER, &who))
		return;
	buf_init(&text, SIZE_MAX / 2);
	buf_init(&b, SIZE_MAX / 2);
	if (alerts_explain(alerting_alerts(app->alerting), name, &text)) {
		buf_adds(&b, "\"text\":");
		json_add_string(&b, text.data, text.len);
		reply_ok(r, b.data);
	} else {
		reply_error(r, "there is no such rule");
	}
	buf_release(&b);
	buf_release(&text);
}

void route_silences(void *app, struct http_request *r)
{
	reply_list(app, r, "silences", alerting_silences_json);
}

void route_channels(void *app, struct http_request *r)
{
	reply_list(app, r, "channels", alerting_channels_json);
}

/* --- deeds --- */

void route_acknowledge(void *user, struct http_request *r)
{
	struct app *app = user;
	struct identity who;
	char id[64], *note;
	const char *error;
	struct params p;
	struct buf text;

	if (!id_of(r, "/api/v1/alerts/", "acknowledge", id, sizeof id) || !may(app, r, ROLE_OPERATOR, &who))
		return;
	read_params(r, &text, &p);
	note = params_text_take(&p, "note", LIMIT_NOTE_BYTES);
	error = params_ok(&p) ? alerting_acknowledge(app->alerting, id, who.name, who.role, note) : p.error;
	if (error)
		reply_error(r, error);
	else
		reply_ok(r, NULL);
	free(note);
	buf_release(&text);
}

void route_silence(void *user, struct http_request *r)
{
	struct app *app = user;
	struct identity who;
	const char *error;
	struct buf text, out;
	struct params p;

	if (!may(app, r, ROLE_OPERATOR, &who))
		return;
	read_params(r, &text, &p);
	buf_init(&out, SIZE_MAX / 2);
	error = alerting_silence(app->alerting, &p, who.name, who.role, &out);
	if (error)
		reply_error(r, error);
	else
		reply_ok(r, out.data);
	buf_release(&out);
	buf_release(&text);
}

void route_resend(void *user, struct http_request *r)
{
	struct app *app = user;
	struct identity who;
	char id[24], *end;
	long long n;

	if (!id_of(r, "/api/v1/deliveries/", "resend", id, sizeof id) || !may(app, r, ROLE_OPERATOR, &who))
		return;
	n = strtoll(id, &end, 10);
	if (n > 0 && !*end)
		alerting_resend(app->alerting, n, who.name, who.role, finish, wait_for(r));
	else
		reply_error(r, "there is no such delivery");
}

/* /api/v1/channels/NAME/test, or …/resend for all that it gave up */
void route_channel(void *user, struct http_request *r)
{
	const char *word = strrchr(http_path(r), '/');
	bool again = word && strcmp(word, "/resend") == 0;
	struct app *app = user;
	struct identity who;
	char name[65];

	if (!id_of(r, "/api/v1/channels/", again ? "resend" : "test", name, sizeof name) || !may(app, r, ROLE_OPERATOR, &who))
		return;
	(again ? alerting_resend_dead : alerting_test)(app->alerting, name, who.name, who.role, finish, wait_for(r));
}
