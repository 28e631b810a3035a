/* operator.c: whom an event is for, as a plain value, and what can be done to them all. */
#include "base/log.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sio_operator sio_all(struct sio_namespace *nsp)
{
	return (struct sio_operator){.nsp = nsp};
}

struct sio_operator sio_broadcast(const struct sio_socket *s)
{
	return (struct sio_operator){.nsp = s->nsp, .sender = s};
}

/* One term more. Too many would silently mean more people than were meant: then it means nobody. */
static void put(struct sio_term *terms, uint8_t *n, struct sio_term term)
{
	if (*n == SIO_OPERATOR_TERMS) {
		log_error("socketio: an operator with more than %d rooms; use the functions that take lists", SIO_OPERATOR_TERMS);
		terms[0] = (struct sio_term){.one = ""};
		*n = 1;
		return;
	}
	terms[(*n)++] = term;
}

struct sio_operator sio_to(struct sio_operator op, const char *room)
{
	put(op.to, &op.nto, (struct sio_term){.one = room});
	return op;
}

struct sio_operator sio_to_list(struct sio_operator op, const char *const *rooms, size_t n)
{
	if (n) /* none at all would be a term that nobody is in, where Node means everyone */
		put(op.to, &op.nto, (struct sio_term){.list = rooms, .n = n});
	return op;
}

struct sio_operator sio_except(struct sio_operator op, const char *room)
{
	put(op.except, &op.nexcept, (struct sio_term){.one = room});
	return op;
}

struct sio_operator sio_except_list(struct sio_operator op, const char *const *rooms, size_t n)
{
	put(op.except, &op.nexcept, (struct sio_term){.list = rooms, .n = n});
	return op;
}

struct sio_operator sio_volatile(struct sio_operator op)
{
	op.flags |= SIO_VOLATILE;
	return op;
}

struct sio_operator sio_transient(struct sio_operator op)
{
	op.flags |= SIO_TRANSIENT;
	return op;
}

struct sio_operator sio_coalesce(struct sio_operator op)
{
	op.flags |= SIO_COALESCE;
	return op;
}

struct sio_operator sio_compress(struct sio_operator op, bool on)
{
	op.flags = on ? op.flags & ~(unsigned)SIO_UNCOMPRESSED : op.flags | SIO_UNCOMPRESSED;
	return op;
}

struct sio_operator sio_local(struct sio_operator op)
{
	op.local = true;
	return op;
}

struct sio_operator sio_timeout(struct sio_operator op, uint32_t ms)
{
	op.timeout_ms = ms;
	return op;
}

/* --- emit --- */

/* Those here that op means; the others are asked by the caller. */
void operator_emit_here(const struct sio_operator *op, const char *event, struct sio_args args)
{
	struct selection sel = adapter_select(op);
	const char *offset = NULL;
	struct frames f;

	if (op->nsp->recovery && !(op->flags & (SIO_VOLATILE | SIO_TRANSIENT | SIO_COALESCE)))
		offset = recovery_note(op->nsp->recovery, op, NULL, event, args);
	if (sel.n) {
		frames_event(&f, op->nsp, event, args, NULL, offset);
		if (op->flags & SIO_COALESCE)
			frames_coalesce(&f, op->nsp, event);
		for (size_t i = 0; i < sel.n; i++) {
			socket_tell_outgoing(sel.at[i], event, args);
			frames_send(&f, sel.at[i], op->flags);
		}
		frames_release(&f);
	}
	selection_release(&sel);
}

void operator_rooms_here(const struct sio_operator *op, const char *const *rooms, size_t n, bool join)
{
	struct selection sel = adapter_select(op);

	for (size_t i = 0; i < sel.n; i++)
		for (size_t k = 0; k < n; k++)
			(join ? adapter_join : adapter_leave)(sel.at[i], rooms[k]);
	selection_release(&sel);
}

void operator_disconnect_here(const struct sio_operator *op, bool close)
{
	struct selection sel = adapter_select(op);

	for (size_t i = 0; i < sel.n; i++)
		sio_socket_disconnect(sel.at[i], close);
	selection_release(&sel);
}

/* Calls fn for the namespace that op means, or for each child of a parent, with what others keep of it: NULL where
 * nobody else is to know. */
static void each_namespace(struct sio_operator op, void (*fn)(const struct sio_operator *op, struct peers *others, void *what), void *what)
{
	struct map_iter it;

	if (!op.nsp->is_parent) {
		fn(&op, op.local ? NULL : op.nsp->peers, what);
		return;
	}
	it = map_begin(&op.nsp->children);
	for (struct map_entry *e; (e = map_next(&it));) {
		op.nsp = e->value;
		fn(&op, op.local ? NULL : op.nsp->peers, what);
	}
}

struct said {
	const char *event;
	struct sio_args args;
};

static void emit_everywhere(const struct sio_operator *op, struct peers *others, void *what)
{
	const struct said *said = what;

	/* Others first: a handler of ours for what goes out may end the server. */
	if (others)
		op->nsp->server->cluster->emit(others, op, said->event, said->args);
	operator_emit_here(op, said->event, said->args);
}

int sio_emit(struct sio_operator op, const char *event, struct sio_args args)
{
	if (packet_name_is_reserved(event, strlen(event)))
		return -EINVAL;
	each_namespace(op, emit_everywhere, &(struct said){event, args});
	return 0;
}

/* --- rooms, the end --- */

struct move {
	const char *const *rooms;
	size_t n;
	bool join;
};

static void move_everywhere(const struct sio_operator *op, struct peers *others, void *what)
{
	const struct move *m = what;

	if (others)
		op->nsp->server->cluster->rooms(others, op, m->rooms, m->n, m->join);
	operator_rooms_here(op, m->rooms, m->n, m->join);
}

void sio_sockets_join(struct sio_operator op, const char *const *rooms, size_t n)
{
	each_namespace(op, move_everywhere, &(struct move){rooms, n, true});
}

void sio_sockets_leave(struct sio_operator op, const char *const *rooms, size_t n)
{
	each_namespace(op, move_everywhere, &(struct move){rooms, n, false});
}

static void disconnect_everywhere(const struct sio_operator *op, struct peers *others, void *what)
{
	bool close = *(bool *)what;

	if (others)
		op->nsp->server->cluster->disconnect(others, op, close);
	operator_disconnect_here(op, close);
}

void sio_disconnect_sockets(struct sio_operator op, bool close)
{
	each_namespace(op, disconnect_everywhere, &close);
}

/* --- who is there --- */

void sio_fetch_sockets(struct sio_operator op, sio_socket_fn *fn, void *user)
{
	struct selection sel = adapter_select(&op);

	for (size_t i = 0; i < sel.n; i++)
		fn(user, sel.at[i]);
	selection_release(&sel);
}

/* A fetch of a server that is alone, told at the end of the turn. */
struct fetch_here {
	struct sio_namespace *nsp;     /* a reference: whoever is told may turn to it, and to its server */
	struct buf text;
	sio_views_fn *fn;
	void *user;
};

static void tell_here(void *arg)
{
	struct fetch_here *f = arg;

	f->fn(f->user, NULL, slice_of(f->text.data, f->text.len));
	buf_release(&f->text);
	namespace_unref(f->nsp);
	free(f);
}

int sio_fetch_views(struct sio_operator op, sio_views_fn *fn, void *user)
{
	struct fetch_here *f;

	if (op.nsp->is_parent)
		return -ENOTSUP;
	if (op.nsp->peers && !op.local) {
		op.nsp->server->cluster->fetch(op.nsp->peers, &op, fn, user);
		return 0;
	}
	f = xzalloc(sizeof *f);
	f->nsp = namespace_ref(op.nsp);
	f->fn = fn;
	f->user = user;
	buf_init(&f->text, SIZE_MAX / 2);
	buf_addc(&f->text, '[');
	sio_fetch_sockets(op, socket_add_view, &f->text);
	buf_addc(&f->text, ']');
	loop_defer(op.nsp->server->loop, tell_here, f);
	return 0;
}

/* --- from server to server --- */

/* What servers tell each other of themselves. */
static bool is_server_event(const char *event)
{
	static const char *const names[] = {"connect", "connection", "new_namespace"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(event, names[i]) == 0)
			return true;
	return false;
}

int sio_server_side_emit(struct sio_namespace *nsp, const char *event, struct sio_args args, sio_answers_fn *fn, void *user)
{
	if (is_server_event(event))
		return -EINVAL;
	if (!nsp->peers) {
		log_warn("socketio: server-side emit on %s: this server is not part of a cluster", nsp->name);
		return -ENOTSUP;
	}
	nsp->server->cluster->server_emit(nsp->peers, event, args, fn, user);
	return 0;
}

void namespace_server_event(struct sio_namespace *nsp, const char *event, struct sio_args args, struct sio_ack *ack)
{
	struct handlers_walk w;

	if (is_server_event(event))
		return;
	w = handlers_begin(&nsp->handlers, ON_SERVER_EVENT);
	for (struct handler *e; (e = handlers_next(&nsp->handlers, &w));)
		if (strcmp(e->event, event) == 0)
			((sio_server_event_fn *)e->fn)(e->user, nsp, args, ack);
	handlers_end(&nsp->handlers);
}
