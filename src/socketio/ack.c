/* ack.c: answers that sockets owe us, one by one or many together. */
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char timed_out[] = "operation has timed out";

/* A broadcast that waits for everyone. */
struct many {
	size_t expected, came;
	struct link owed;              /* in_many of each */
	struct loop_timer timer;
	struct loop *loop;
	struct sio_builder responses;
	sio_answers_fn *fn;
	void *user;
};

static void forget(struct owed_ack *o)
{
	struct sio_socket *s = o->socket;

	list_remove(&o->link);
	list_remove(&o->in_many);
	s->nacks--;
	loop_timer_clear(s->nsp->server->loop, &o->timer);
	free(o);
	sio_socket_unref(s);
}

/* --- one --- */

static void on_timeout(struct loop_timer *t)
{
	struct owed_ack *o = list_item(t, struct owed_ack, timer);
	sio_answer_fn *fn = o->fn;
	void *user = o->user;

	forget(o);
	fn(user, timed_out, sio_none());
}

struct owed_ack *socket_owe(struct sio_socket *s, uint64_t id, uint32_t timeout_ms)
{
	struct owed_ack *o = xzalloc(sizeof *o);

	if (s->nacks >= s->nsp->server->o.max_pending_acks) {
		struct owed_ack *oldest = list_item(s->acks.next, struct owed_ack, link);
		sio_answer_fn *fn = oldest->fn;
		void *user = oldest->user;

		forget(oldest);
		if (fn)
			fn(user, timed_out, sio_none());
	}
	o->socket = sio_socket_ref(s);
	o->id = id;
	s->nacks++;
	list_push(&s->acks, &o->link);
	if (timeout_ms)
		loop_timer_set(s->nsp->server->loop, &o->timer, timeout_ms, on_timeout);
	return o;
}

/* --- many --- */

static void finish(struct many *m, const char *error)
{
	list_each(&m->owed, l, after)
		forget(list_item(l, struct owed_ack, in_many));
	loop_timer_clear(m->loop, &m->timer);
	m->fn(m->user, error, sio_built(&m->responses));
	sio_builder_release(&m->responses);
	free(m);
}

static void on_many_timeout(struct loop_timer *t)
{
	finish(list_item(t, struct many, timer), timed_out);
}

static void finish_empty(void *m)
{
	finish(m, NULL);
}

static void add_response(struct many *m, struct sio_args args)
{
	struct slice first;

	if (sio_args_at(args, 0, &first))
		sio_add_all(&m->responses, (struct sio_args){first, args.blobs, args.nblobs});
	else
		sio_add_json(&m->responses, slice_str("null"));
	if (++m->came == m->expected)
		finish(m, NULL);
}

int sio_emit_ack(struct sio_operator op, const char *event, struct sio_args args, sio_answers_fn *fn, void *user)
{
	struct selection sel;
	struct frames f;
	struct many *m;
	uint64_t id;

	if (packet_name_is_reserved(event, strlen(event)))
		return -EINVAL;
	if (op.nsp->is_parent)
		return -ENOTSUP;
	m = xzalloc(sizeof *m);
	m->loop = op.nsp->server->loop;
	m->fn = fn;
	m->user = user;
	list_init(&m->owed);
	sio_builder_init(&m->responses);
	id = op.nsp->next_id++;
	sel = adapter_select(&op);
	m->expected = sel.n;
	if (!sel.n) {
		loop_defer(m->loop, finish_empty, m);
		return 0;
	}
	loop_timer_set(m->loop, &m->timer, op.timeout_ms ? op.timeout_ms : 1, on_many_timeout);
	frames_event(&f, op.nsp, event, args, &id, NULL);
	for (size_t i = 0; i < sel.n; i++) {
		struct owed_ack *o = socket_owe(sel.at[i], id, 0);

		o->many = m;
		list_push(&m->owed, &o->in_many);
		socket_tell_outgoing(sel.at[i], event, args);
		frames_send(&f, sel.at[i], op.flags);
	}
	frames_release(&f);
	selection_release(&sel);
	return 0;
}

/* --- what comes --- */

void socket_ack_came(struct sio_socket *s, uint64_t id, struct sio_args args)
{
	list_each(&s->acks, l, after) {
		struct owed_ack *o = list_item(l, struct owed_ack, link);
		struct many *m = o->many;
		sio_answer_fn *fn = o->fn;
		void *user = o->user;

		if (o->id != id)
			continue;
		forget(o);
		if (m)
			add_response(m, args);
		else
			fn(user, NULL, args);
		return;
	}
}

/* The socket is gone: who set a timeout is told by it, as in Node; who did not never hears of it. */
void socket_drop_acks(struct sio_socket *s)
{
	list_each(&s->acks, l, after) {
		struct owed_ack *o = list_item(l, struct owed_ack, link);

		if (!loop_timer_is_set(&o->timer))
			forget(o);
	}
}

void socket_end_acks(struct sio_socket *s)
{
	while (!list_empty(&s->acks)) {
		struct owed_ack *o = list_item(s->acks.next, struct owed_ack, link);

		if (o->many)
			finish(o->many, timed_out);
		else
			on_timeout(&o->timer);
	}
}
