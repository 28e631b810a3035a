/* adapter.c: who is in which room, and whom an operator means. */
#include "base/log.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

static void tell(struct sio_namespace *nsp, enum sio_room_event what, const char *room, const char *id)
{
	if (nsp->on_room)
		nsp->on_room(nsp->room_user, what, room, id);
}

static struct room *find_room(struct sio_namespace *nsp, const char *name)
{
	return map_get(&nsp->rooms, name, strlen(name));
}

/* The shorter of the two lists is searched. */
static struct member *find_member(const struct sio_socket *s, const struct room *room)
{
	if (room->n < s->nrooms) {
		list_each(&room->members, l, after) {
			struct member *m = list_item(l, struct member, in_room);

			if (m->socket == s)
				return m;
		}
		return NULL;
	}
	list_each(&s->rooms, l, after) {
		struct member *m = list_item(l, struct member, in_socket);

		if (m->room == room)
			return m;
	}
	return NULL;
}

static bool may_join(struct sio_socket *s)
{
	struct sio_server *io = s->nsp->server;

	if (s->nrooms < io->o.max_rooms_per_socket)
		return true;
	if (!io->rooms_full)
		log_warn("socketio: %s of %s is in %zu rooms and joins no more", socket_id(s), s->nsp->name, s->nrooms);
	io->rooms_full = true;
	return false;
}

void adapter_join(struct sio_socket *s, const char *name)
{
	struct sio_namespace *nsp = s->nsp;
	struct room *room = find_room(nsp, name);
	struct member *m;
	bool made = !room;

	if (!socket_is_here(s) || (room && find_member(s, room)) || !may_join(s))
		return;
	if (made) {
		size_t n = strlen(name);

		room = xzalloc(sizeof *room + n + 1);
		list_init(&room->members);
		memcpy(room->name, name, n + 1);
		map_set(&nsp->rooms, name, n, room);
	}
	m = xzalloc(sizeof *m);
	m->room = room;
	m->socket = s;
	list_push(&room->members, &m->in_room);
	list_push(&s->rooms, &m->in_socket);
	s->nrooms++;
	room->n++;
	/* From here on whoever is told may have taken it out again. */
	if (made)
		tell(nsp, SIO_CREATE_ROOM, name, NULL);
	tell(nsp, SIO_JOIN_ROOM, name, socket_id(s));
	WATCH(nsp->server, room, s, name, true);
}

/* Gives a hold back: an empty room goes with the last. */
static void let_go(struct sio_namespace *nsp, struct room *room)
{
	if (--room->held || room->n)
		return;
	map_del(&nsp->rooms, room->name, strlen(room->name));
	tell(nsp, SIO_DELETE_ROOM, room->name, NULL);
	free(room);
}

static void remove_member(struct member *m)
{
	struct sio_namespace *nsp = m->socket->nsp;
	struct room *room = m->room;

	list_remove(&m->in_room);
	list_remove(&m->in_socket);
	room->n--;
	m->socket->nrooms--;
	room->held++;
	tell(nsp, SIO_LEAVE_ROOM, room->name, socket_id(m->socket));
	WATCH(nsp->server, room, m->socket, room->name, false);
	free(m);
	let_go(nsp, room);
}

void adapter_leave(struct sio_socket *s, const char *name)
{
	struct room *room = find_room(s->nsp, name);
	struct member *m = room ? find_member(s, room) : NULL;

	if (m)
		remove_member(m);
}

void adapter_leave_all(struct sio_socket *s)
{
	while (!list_empty(&s->rooms))
		remove_member(list_item(s->rooms.next, struct member, in_socket));
}

/* --- selections --- */

static void take(struct selection *sel, size_t *cap, struct sio_socket *s, uint64_t mark)
{
	if (s->mark == mark || !s->connected)
		return;
	s->mark = mark;
	if (sel->n == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		sel->at = xreallocarray(sel->at, *cap, sizeof(struct sio_socket *));
	}
	sel->at[sel->n++] = sio_socket_ref(s);
}

static void take_room(struct selection *sel, size_t *cap, struct sio_namespace *nsp, const char *name)
{
	struct room *room = find_room(nsp, name);

	if (!room)
		return;
	list_each(&room->members, l, after)
		take(sel, cap, list_item(l, struct member, in_room)->socket, nsp->mark);
}

static void leave_out(struct sio_namespace *nsp, const char *name)
{
	struct room *room = find_room(nsp, name);

	if (!room)
		return;
	list_each(&room->members, l, after)
		list_item(l, struct member, in_room)->socket->mark = nsp->mark;
}

static void select_in(struct selection *sel, size_t *cap, struct sio_namespace *nsp, const struct sio_operator *op)
{
	nsp->mark++;
	for (size_t i = 0; i < op->nexcept; i++) {
		if (op->except[i].one)
			leave_out(nsp, op->except[i].one);
		for (size_t k = 0; k < op->except[i].n; k++)
			leave_out(nsp, op->except[i].list[k]);
	}
	if (op->sender && op->sender->nsp == nsp)
		leave_out(nsp, socket_id(op->sender));
	for (size_t i = 0; i < op->nto; i++) {
		if (op->to[i].one)
			take_room(sel, cap, nsp, op->to[i].one);
		for (size_t k = 0; k < op->to[i].n; k++)
			take_room(sel, cap, nsp, op->to[i].list[k]);
	}
	if (!op->nto) {
		struct map_iter it = map_begin(&nsp->sockets);

		if (!*cap) {
			*cap = map_len(&nsp->sockets) + 1;
			sel->at = xreallocarray(NULL, *cap, sizeof(struct sio_socket *));
		}
		for (struct map_entry *e; (e = map_next(&it));)
			take(sel, cap, e->value, nsp->mark);
	}
}

struct selection adapter_select(const struct sio_operator *op)
{
	struct selection sel = {0};
	size_t cap = 0;

	if (op->nsp->is_parent) {
		struct map_iter it = map_begin(&op->nsp->children);

		for (struct map_entry *e; (e = map_next(&it));)
			select_in(&sel, &cap, e->value, op);
	} else {
		select_in(&sel, &cap, op->nsp, op);
	}
	return sel;
}

void selection_release(struct selection *sel)
{
	for (size_t i = 0; i < sel->n; i++)
		sio_socket_unref(sel->at[i]);
	free(sel->at);
	*sel = (struct selection){0};
}

/* --- what others may see --- */

void sio_each_room(struct sio_namespace *nsp, void (*fn)(void *user, const char *room, size_t members), void *user)
{
	struct map_iter it = map_begin(&nsp->rooms);

	for (struct map_entry *e; (e = map_next(&it));) {
		struct room *room = e->value;

		room->held++;
		if (room->n)
			fn(user, room->name, room->n);
		let_go(nsp, room);
	}
}

void sio_on_room(struct sio_namespace *nsp, void (*fn)(void *user, enum sio_room_event what, const char *room, const char *id), void *user)
{
	nsp->on_room = fn;
	nsp->room_user = user;
}

bool sio_socket_in(const struct sio_socket *s, const char *room)
{
	struct room *r = find_room(s->nsp, room);

	return r && find_member(s, r);
}

size_t sio_socket_each_room(const struct sio_socket *s, void (*fn)(void *user, const char *room), void *user)
{
	size_t n = s->nrooms, k = 0;
	struct room **rooms;

	if (!fn || !n)
		return n;
	rooms = xcalloc(n, sizeof(struct room *));
	list_each(&s->rooms, l, after) {
		rooms[k] = list_item(l, struct member, in_socket)->room;
		rooms[k++]->held++;
	}
	for (k = 0; k < n; k++) {
		fn(user, rooms[k]->name);
		let_go(s->nsp, rooms[k]);
	}
	free(rooms);
	return n;
}
