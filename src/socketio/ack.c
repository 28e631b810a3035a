/* ack.c: answers that sockets owe us, one by one or many together. */
#include "base/limits.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char timed_out[] = "operation has timed out";
static const char too_much[] = "the answers are too large, and some were left out";

/* A broadcast that waits for everyone. */
struct many {
	size_t expected, came;
	struct cluster *cluster;
	struct request *request;       /* other servers' clients answer through it; NULL: none do */
	bool open;                     /* how many clients there are is not yet known */
	const char *error;             /* not everyone could be asked */
	many_answer_fn *answer;        /* told of each instead of collecting them */
	struct link owed;              /* in_many of each */
	struct link in_server;         /* of one that this server asks; others end with their peers */
	struct loop_timer timer;
	struct sio_namespace *nsp;     /* a reference */
	struct sio_builder responses;
	size_t bytes;                  /* of responses, attachments too */
	sio_answers_fn *fn;
	void *user;
};

/* An answer is looked for by who owes it and its id: clients say as many ids as they like. */
struct owed_key {
	uint64_t socket, id;           /* of one size, that nothing lies between them */
};

static struct owed_key key_of(const struct sio_socket *s, uint64_t id)
{
	return (struct owed_key){(uintptr_t)s, id};
}

static struct owed_ack *find(struct sio_socket *s, uint64_t id)
{
	struct owed_key key = key_of(s, id);

	return map_get(&s->nsp->owed, (char *)&key, sizeof key);
}

static void put(struct owed_ack *o)
{
	struct owed_key key = key_of(o->socket, o->id);

	map_set(&o->socket->nsp->owed, (char *)&key, sizeof key, o);
}

static void take_out(struct owed_ack *o)
{
	struct owed_key key = key_of(o->socket, o->id);

	map_del(&o->socket->nsp->owed, (char *)&key, sizeof key);
}

static void forget(struct owed_ack *o)
{
	struct sio_socket *s = o->socket;

	if (!o->lost)
		take_out(o);
	list_remove(&o->link);
	list_remove(&o->in_many);
	s->nacks -= !o->lost;
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

/* The socket will not answer it any more. */
static void lose(struct owed_ack *o)
{
	struct sio_socket *s = o->socket;

	o->lost = true;
	take_out(o);
	s->nacks--;
	list_remove(&o->link);
	list_push(&s->nsp->server->lost, &o->link);
}

/* Whoever asked is told in a moment: here stands one who is about to ask. */
static void give_up(struct owed_ack *o)
{
	if (o->many) {
		forget(o);
		return;
	}
	lose(o);
	loop_timer_set(o->socket->nsp->server->loop, &o->timer, 0, on_timeout);
}

struct owed_ack *socket_owe(struct sio_socket *s, uint64_t id, uint32_t timeout_ms)
{
	struct owed_ack *o = xzalloc(sizeof *o);

	if (s->nacks && s->nacks >= s->nsp->server->o.max_pending_acks)
		give_up(list_item(s->acks.next, struct owed_ack, link));
	o->socket = sio_socket_ref(s);
	o->id = id;
	s->nacks++;
	list_push(&s->acks, &o->link);
	put(o);
	if (timeout_ms)
		loop_timer_set(s->nsp->server->loop, &o->timer, timeout_ms, on_timeout);
	return o;
}

/* --- many --- */

static void let_go(struct many *m)
{
	list_remove(&m->in_server);
	list_each(&m->owed, l, after)
		forget(list_item(l, struct owed_ack, in_many));
	loop_timer_clear(m->nsp->server->loop, &m->timer);
	if (m->request)
		m->cluster->forget(m->request);
	m->request = NULL;
}

static void release(struct many *m)
{
	sio_builder_release(&m->responses);
	namespace_unref(m->nsp);
	free(m);
}

static void finish(struct many *m, const char *error)
{
	let_go(m);
	m->fn(m->user, error ? error : m->error, sio_built(&m->responses));
	release(m);
}

/* Has everyone answered, and is everyone known? */
static void check(struct many *m)
{
	if (m->came >= m->expected && !m->open)
		finish(m, NULL);
}

static void on_many_timeout(struct loop_timer *t)
{
	finish(list_item(t, struct many, timer), timed_out);
}

static void finish_empty(void *m)
{
	finish(m, NULL);
}

/* Clients and other servers say as much as they like. */
static void collect(struct many *m, struct sio_args first)
{
	size_t bytes = first.json.n;

	for (size_t i = 0; i < first.nblobs; i++)
		bytes += first.blobs[i].n;
	if (m->bytes + bytes > LIMIT_CLUSTER_ANSWER_BYTES) {
		m->error = too_much;
		return;
	}
	m->bytes += bytes;
	sio_add_all(&m->responses, first);
}

void many_answer(struct many *m, struct sio_args args)
{
	struct slice first;

	if (!sio_args_at(args, 0, &first))
		args = sio_json("null");
	else
		args.json = first;
	if (m->answer)
		m->answer(m->user, args);
	else
		collect(m, args);
	m->came++;
	check(m);
}

void many_clients(struct many *m, size_t clients)
{
	m->expected += clients;
}

void many_complete(struct many *m, const char *error)
{
	m->open = false;
	if (error) { /* only those here still answer */
		m->request = NULL;
		m->error = error;
		m->expected = m->came;
		list_each(&m->owed, l, after)
			m->expected++;
	}
	check(m);
}

void many_cancel(struct many *m)
{
	let_go(m);
	release(m);
}

static struct many *many_new(const struct sio_operator *op, sio_answers_fn *fn, void *user)
{
	struct many *m = xzalloc(sizeof *m);

	m->nsp = namespace_ref(op->nsp);
	m->cluster = op->nsp->server->cluster;
	m->fn = fn;
	m->user = user;
	list_init(&m->owed);
	list_init(&m->in_server);
	sio_builder_init(&m->responses);
	return m;
}

/* Those that are connected here, all of whom owe an answer from now on. */
static struct selection owe(struct many *m, const struct sio_operator *op, uint64_t *id)
{
	struct selection sel = adapter_select(op);

	*id = op->nsp->next_id++;
	m->expected += sel.n;
	for (size_t i = 0; i < sel.n; i++) {
		struct owed_ack *o = socket_owe(sel.at[i], *id, 0);

		o->many = m;
		list_push(&m->owed, &o->in_many);
	}
	return sel;
}

/* Who is told may end it all, and with it what they owe. */
static void ask(const struct sio_operator *op, struct selection *sel, uint64_t id, const char *event, struct sio_args args)
{
	struct frames f;

	if (sel->n)
		frames_event(&f, op->nsp, event, args, &id, NULL);
	for (size_t i = 0; i < sel->n; i++) {
		socket_tell_outgoing(sel->at[i], event, args);
		frames_send(&f, sel->at[i], op->flags);
	}
	if (sel->n)
		frames_release(&f);
	selection_release(sel);
}

size_t many_serve(const struct sio_operator *op, const char *event, struct sio_args args, many_answer_fn *answer,
                  sio_answers_fn *done, void *user, struct many **out)
{
	struct many *m = many_new(op, done, user);
	uint64_t id;
	struct selection sel = owe(m, op, &id);
	size_t n = m->expected;

	m->answer = answer;
	if (n) {
		loop_timer_set(op->nsp->server->loop, &m->timer, op->timeout_ms ? op->timeout_ms : 1, on_many_timeout);
		*out = m;
	} else {
		release(m);
	}
	ask(op, &sel, id, event, args);
	return n;
}

int sio_emit_ack(struct sio_operator op, const char *event, struct sio_args args, sio_answers_fn *fn, void *user)
{
	struct selection sel;
	struct many *m;
	uint64_t id;

	if (packet_name_is_reserved(event, strlen(event)))
		return -EINVAL;
	if (op.nsp->is_parent)
		return -ENOTSUP;
	m = many_new(&op, fn, user);
	op.timeout_ms = op.timeout_ms ? op.timeout_ms : 1;
	sel = owe(m, &op, &id);
	if (op.nsp->peers && !op.local)
		m->request = m->cluster->emit_ack(op.nsp->peers, &op, event, args, m, &m->error);
	m->open = m->request != NULL;
	if (m->expected || m->open) {
		list_push(&op.nsp->server->asking, &m->in_server);
		loop_timer_set(op.nsp->server->loop, &m->timer, op.timeout_ms, on_many_timeout);
	} else {
		loop_defer(op.nsp->server->loop, finish_empty, m);
	}
	ask(&op, &sel, id, event, args);
	return 0;
}

/* --- what comes --- */

void socket_ack_came(struct sio_socket *s, uint64_t id, struct sio_args args)
{
	struct owed_ack *o = find(s, id);
	struct many *m;
	sio_answer_fn *fn;
	void *user;

	if (!o)
		return;
	m = o->many;
	fn = o->fn;
	user = o->user;
	forget(o);
	if (m)
		many_answer(m, args);
	else
		fn(user, NULL, args);
}

/* The socket is gone: who set a timeout is told by it, as in Node; who did not never hears of it. */
void socket_drop_acks(struct sio_socket *s)
{
	list_each(&s->acks, l, after) {
		struct owed_ack *o = list_item(l, struct owed_ack, link);

		if (loop_timer_is_set(&o->timer))
			lose(o);
		else
			forget(o);
	}
}

void acks_end(struct sio_server *io)
{
	while (!list_empty(&io->lost))
		on_timeout(&list_item(io->lost.next, struct owed_ack, link)->timer);
	while (!list_empty(&io->asking))
		finish(list_item(io->asking.next, struct many, in_server), timed_out);
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
