/* events_alerts.c: the events of namespace `/`: alerts. */
#include "app/alerting.h"
#include "app/events.h"
#include "base/limits.h"

#include <stdlib.h>

static const char *options_object(struct sio_args args)
{
	struct slice v;

	if (!sio_args_at(args, 0, &v) || json_type(v) == JSON_IS_OBJECT || json_type(v) == JSON_IS_NULL)
		return NULL;
	return "the first argument must be an object of options";
}

static const char *alert_id(struct sio_args args)
{
	struct slice v;

	if (sio_args_at(args, 0, &v) && json_type(v) == JSON_IS_STRING && v.n <= ALERT_ID_LEN + 2)
		return NULL;
	return "the first argument must be the id of an alert";
}

static void on_get_alerts(struct call *c)
{
	struct params p;

	params_init(&p, call_arg(c, 0));
	alerting_list(c->app->alerting, &p, call_finish, call_keep(c));
}

static void on_acknowledge(struct call *c)
{
	struct params p;
	const char *error;
	struct buf id;
	char *note;

	buf_init(&id, ALERT_ID_LEN);
	sio_args_string(c->args, 0, &id);
	params_init(&p, call_arg(c, 1));
	note = params_text_take(&p, "note", LIMIT_NOTE_BYTES);
	error = params_ok(&p) ? alerting_acknowledge(c->app->alerting, id.data, c->who.name, c->who.role, note) : p.error;
	if (error)
		call_error(c, error);
	else
		call_ok(c, NULL);
	free(note);
	buf_release(&id);
}

static void on_silence(struct call *c)
{
	const char *error;
	struct params p;
	struct buf b;

	params_init(&p, call_arg(c, 0));
	buf_init(&b, SIZE_MAX / 2);
	error = alerting_silence(c->app->alerting, &p, c->who.name, c->who.role, &b);
	if (error)
		call_error(c, error);
	else
		call_ok(c, b.data);
	buf_release(&b);
}

static void answer_list(struct call *c, const char *member, void (*put)(struct alerting *al, struct buf *out))
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "\"%s\":", member);
	put(c->app->alerting, &b);
	call_ok(c, b.data);
	buf_release(&b);
}

static void put_rules(struct alerting *al, struct buf *out)
{
	alerts_rules_json(alerting_alerts(al), out);
}

static void on_get_rules(struct call *c)
{
	answer_list(c, "rules", put_rules);
}

static void on_get_silences(struct call *c)
{
	answer_list(c, "silences", alerting_silences_json);
}

static void on_get_channels(struct call *c)
{
	answer_list(c, "channels", alerting_channels_json);
}

static void on_get_deliveries(struct call *c)
{
	struct params p;

	params_init(&p, call_arg(c, 0));
	alerting_deliveries(c->app->alerting, &p, call_finish, call_keep(c));
}

static void on_resend(struct call *c)
{
	double id;

	if (sio_args_number(c->args, 0, &id) && id > 0 && id < 9e15 && (double)(int64_t)id == id)
		alerting_resend(c->app->alerting, (int64_t)id, c->who.name, c->who.role, call_finish, call_keep(c));
	else
		call_error(c, "the first argument must be the number of a delivery");
}

typedef void channel_fn(struct alerting *al, const char *channel, const char *who, enum role role, alerting_done_fn *done, void *user);

static void with_channel(struct call *c, channel_fn *fn)
{
	struct buf name;

	buf_init(&name, 64);
	if (sio_args_string(c->args, 0, &name) && !name.full)
		fn(c->app->alerting, name.data, c->who.name, c->who.role, call_finish, call_keep(c));
	else
		call_error(c, "the first argument must be the name of a channel");
	buf_release(&name);
}

static void on_resend_dead(struct call *c)
{
	with_channel(c, alerting_resend_dead);
}

static void on_test(struct call *c)
{
	with_channel(c, alerting_test);
}

static void on_get_audit(struct call *c)
{
	struct params p;

	params_init(&p, call_arg(c, 0));
	alerting_audit(c->app->alerting, &p, call_finish, call_keep(c));
}

static const struct event events[] = {
	{"get alerts",         ROLE_VIEWER,   options_object, on_get_alerts, true},
	{"get alert rules",    ROLE_VIEWER,   NULL,           on_get_rules, true},
	{"get silences",       ROLE_VIEWER,   NULL,           on_get_silences, false},
	{"get channels",       ROLE_VIEWER,   NULL,           on_get_channels, false},
	{"get deliveries",     ROLE_VIEWER,   options_object, on_get_deliveries, false},
	{"acknowledge alert",  ROLE_OPERATOR, alert_id,       on_acknowledge, false},
	{"silence alert",      ROLE_OPERATOR, options_object, on_silence, false},
	{"resend delivery",    ROLE_OPERATOR, NULL,           on_resend, false},
	{"resend given up",    ROLE_OPERATOR, NULL,           on_resend_dead, false},
	{"test channel",       ROLE_OPERATOR, NULL,           on_test, false},
	{"get audit",          ROLE_OPERATOR, options_object, on_get_audit, false},
};

const struct event_rows events_alerts = {events, sizeof events / sizeof *events};
