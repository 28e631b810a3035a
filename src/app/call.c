/* call.c: one request of a Socket.IO client. */
#include "app/call.h"

#include "app/turns.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

struct slice call_arg(const struct call *c, size_t i)
{
	struct slice v;

	if (!sio_args_at(c->args, i, &v) || json_type(v) == JSON_IS_NULL)
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
	for (size_t i = 0; i < sizeof t->rows / sizeof *t->rows; i++)
		for (size_t k = 0; k < t->rows[i].n; k++)
			if (strcmp(t->rows[i].at[k].name, name) == 0)
				return &t->rows[i].at[k];
	return NULL;
}

static void refuse_unknown(struct call *c, const struct event_table *t, const char *name)
{
	struct buf b;

	buf_init(&b, 4000);
	buf_adds(&b, "unknown event; this namespace takes:");
	for (size_t i = 0; i < sizeof t->rows / sizeof *t->rows; i++)
		for (size_t k = 0; k < t->rows[i].n; k++)
			buf_addf(&b, "%s `%s`", i + k ? "," : "", t->rows[i].at[k].name);
	refuse(c, name, b.data);
	buf_release(&b);
}

static void dispatch(struct event_table *t, struct call *c, const char *name)
{
	const char *wrong;

	c->who = auth_of_socket(c->app, c->socket);
	if (!c->event)
		refuse_unknown(c, t, name);
	else if (c->who.role < c->event->least)
		call_error(c, c->event->least == ROLE_OPERATOR ? "this takes the operator role: sign in with a token of an operator" : "unauthorized");
	else if (c->event->shape && (wrong = c->event->shape(c->args)))
		call_error(c, wrong);
	else
		c->event->handle(c);
}

/* --- those that wait for their turn --- */

struct put_off {
	struct event_table *table;
	struct call call;
	char *name, *args;             /* args: what those of the call are of */
};

static void put_off_free(struct put_off *p)
{
	sio_ack_unref(p->call.ack);
	sio_socket_unref(p->call.socket);
	free(p->name);
	free(p->args);
	free(p);
}

static void on_turn(void *request)
{
	struct put_off *p = request;

	if (sio_socket_connected(p->call.socket))
		dispatch(p->table, &p->call, p->name);
	put_off_free(p);
}

/* No request has use for binary arguments: those are not kept. */
static void put_off(struct event_table *t, struct call *c, const char *name)
{
	struct slice args = c->args.json;
	struct put_off *p = xzalloc(sizeof *p);

	p->table = t;
	p->call = *c;
	p->name = xstrdup(name);
	p->args = xmemdup(args.p, args.n);
	p->call.args = sio_json_slice(slice_of(p->args, args.n));
	sio_socket_ref(c->socket);
	sio_ack_ref(c->ack);
	if (turns_later(c->app->turns, c->socket, args.n + strlen(name), on_turn, p))
		return;
	put_off_free(p);
	refuse(c, name, "too many requests wait for their turn: send fewer at once");
}

static void on_event(void *user, struct sio_socket *s, const char *name, struct sio_args args, struct sio_ack *ack)
{
	struct event_table *t = user;
	struct call c = {.app = t->app, .socket = s, .event = find(t, name), .args = args, .ack = ack};

	t->app->events++;
	/* A client is answered in the order in which it asked. */
	if (turns_waits(t->app->turns, s) || (c.event && c.event->heavy && !turns_now(t->app->turns)))
		put_off(t, &c, name);
	else
		dispatch(t, &c, name);
}

void *call_keep(const struct call *c)
{
	struct call *kept = xmemdup(c, sizeof *c);

	sio_socket_ref(kept->socket);
	sio_ack_ref(kept->ack);
	kept->args = sio_none(); /* those were the caller's */
	return kept;
}

void call_finish(void *kept, const char *error, const char *members)
{
	struct call *c = kept;

	if (!sio_socket_connected(c->socket))
		;
	else if (error)
		call_error(c, error);
	else
		call_ok(c, members);
	sio_ack_unref(c->ack);
	sio_socket_unref(c->socket);
	free(c);
}

void event_table_attach(struct sio_namespace *nsp, struct event_table *t)
{
	sio_on_any(nsp, on_event, t);
}
