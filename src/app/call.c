/* call.c: one request of a Socket.IO client. */
#include "app/call.h"

#include <string.h>

enum role app_role(const struct app *app, const struct sio_socket *s)
{
	(void)s;
	return app->config->anonymous;
}

struct slice call_arg(const struct call *c, size_t i)
{
	struct slice v;

	if (!sio_args_at(c->args, i, &v) || json_type(v) == JSON_NULL)
		return slice_of("", 0);
	return v;
}

void call_ok(struct call *c, const char *members)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"status\":\"ok\"");
	if (members && *members)
		buf_addf(&b, ",%s", members);
	buf_addc(&b, '}');
	if (c->ack)
		sio_ack_send(c->ack, sio_json(b.data));
	else if (members)
		sio_socket_emit(c->socket, c->event->name, sio_json(b.data));
	buf_release(&b);
}

static void refuse(struct call *c, const char *event, const char *message)
{
	struct buf b;

	c->app->event_errors++;
	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, c->ack ? "{\"status\":\"error\",\"error\":" : "{\"event\":");
	if (!c->ack) {
		json_add_str(&b, event);
		buf_adds(&b, ",\"error\":");
	}
	json_add_str(&b, message);
	buf_addc(&b, '}');
	if (c->ack)
		sio_ack_send(c->ack, sio_json(b.data));
	else
		sio_socket_emit(c->socket, "request error", sio_json(b.data));
	buf_release(&b);
}

void call_error(struct call *c, const char *message)
{
	refuse(c, c->event->name, message);
}

static const struct event *find(const struct event_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->events[i].name, name) == 0)
			return &t->events[i];
	return NULL;
}

static void refuse_unknown(struct call *c, const struct event_table *t, const char *name)
{
	struct buf b;

	buf_init(&b, 4000);
	buf_adds(&b, "unknown event; this namespace takes:");
	for (size_t i = 0; i < t->n; i++)
		buf_addf(&b, "%s `%s`", i ? "," : "", t->events[i].name);
	refuse(c, name, b.data);
	buf_release(&b);
}

static void on_event(void *user, struct sio_socket *s, const char *name, struct sio_args args, struct sio_ack *ack)
{
	struct event_table *t = user;
	struct call c = {.app = t->app, .socket = s, .event = find(t, name), .args = args, .ack = ack};
	const char *wrong;

	t->app->events++;
	if (!c.event)
		refuse_unknown(&c, t, name);
	else if (app_role(t->app, s) < c.event->least)
		call_error(&c, c.event->least == ROLE_OPERATOR ? "this takes the operator role" : "unauthorized");
	else if (c.event->shape && (wrong = c.event->shape(args)))
		call_error(&c, wrong);
	else
		c.event->handle(&c);
}

void event_table_attach(struct sio_namespace *nsp, struct event_table *t)
{
	sio_on_any(nsp, on_event, t);
}
