/* operator.c: whom an event is for, as a plain value, and what can be done to them all. */
#include "base/log.h"
#include "socketio/sio.h"

#include <errno.h>
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

static void emit_in(struct sio_operator op, const char *event, struct sio_args args)
{
	struct selection sel = adapter_select(&op);
	const char *offset = NULL;
	struct frames f;

	if (op.nsp->recovery && !(op.flags & (SIO_VOLATILE | SIO_TRANSIENT)))
		offset = recovery_note(op.nsp->recovery, &op, NULL, event, args);
	if (sel.n) {
		frames_event(&f, op.nsp, event, args, NULL, offset);
		for (size_t i = 0; i < sel.n; i++) {
			socket_tell_outgoing(sel.at[i], event, args);
			frames_send(&f, sel.at[i], op.flags);
		}
		frames_release(&f);
	}
	selection_release(&sel);
}

int sio_emit(struct sio_operator op, const char *event, struct sio_args args)
{
	struct map_iter it;

	if (packet_name_is_reserved(event, strlen(event)))
		return -EINVAL;
	if (!op.nsp->is_parent) {
		emit_in(op, event, args);
		return 0;
	}
	it = map_begin(&op.nsp->children);
	for (struct map_entry *e; (e = map_next(&it));) {
		op.nsp = e->value;
		emit_in(op, event, args);
	}
	return 0;
}

/* --- the rest --- */

void sio_fetch_sockets(struct sio_operator op, sio_socket_fn *fn, void *user)
{
	struct selection sel = adapter_select(&op);

	for (size_t i = 0; i < sel.n; i++)
		fn(user, sel.at[i]);
	selection_release(&sel);
}

void sio_sockets_join(struct sio_operator op, const char *const *rooms, size_t n)
{
	struct selection sel = adapter_select(&op);

	for (size_t i = 0; i < sel.n; i++)
		for (size_t k = 0; k < n; k++)
			adapter_join(sel.at[i], rooms[k]);
	selection_release(&sel);
}

void sio_sockets_leave(struct sio_operator op, const char *const *rooms, size_t n)
{
	struct selection sel = adapter_select(&op);

	for (size_t i = 0; i < sel.n; i++)
		for (size_t k = 0; k < n; k++)
			adapter_leave(sel.at[i], rooms[k]);
	selection_release(&sel);
}

void sio_disconnect_sockets(struct sio_operator op, bool close)
{
	struct selection sel = adapter_select(&op);

	for (size_t i = 0; i < sel.n; i++)
		sio_socket_disconnect(sel.at[i], close);
	selection_release(&sel);
}

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
	(void)args;
	(void)fn;
	(void)user;
	log_warn("socketio: server-side emit on %s: this server is not part of a cluster", nsp->name);
	return -ENOTSUP;
}
