/* recovery.c: connection state recovery: who left a moment ago, and what was said since.
 *
 * Known gaps of the reference that are closed here: a client that had received
 * nothing yet can recover (it is sent what came since it connected), and one that is back
 * before its old connection was noticed to be dead takes over from it. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One event. names holds its rooms, then those left out, each ended by NUL. */
struct said {
	struct link link;
	uint64_t at;
	int64_t when_ms;
	size_t bytes;
	char *names, *event;
	size_t nto, nexcept;
	struct sio_builder args;
};

struct kept {
	int64_t when_ms;
	uint64_t since;
	char id[RANDOM_ID_LEN + 1];
	char *rooms;                   /* each ended by NUL */
	size_t nrooms;
	char *data;
	size_t bytes;
};

struct recovery {
	struct sio_namespace *nsp;
	struct link said;              /* oldest first */
	uint64_t position, forgotten;  /* of the last event; of the last that is no longer kept */
	size_t bytes;
	struct map kept;               /* by pid, oldest first */
	struct map here;               /* connected sockets, by pid */
	size_t kept_bytes;
	char offset[24];
	unsigned replaying;            /* nothing is forgotten meanwhile */
};

struct recovery *recovery_new(struct sio_namespace *nsp)
{
	struct recovery *r = xzalloc(sizeof *r);

	r->nsp = nsp;
	list_init(&r->said);
	map_init(&r->kept);
	map_init(&r->here);
	return r;
}

uint64_t recovery_position(const struct recovery *r)
{
	return r->position;
}

/* --- forgetting --- */

static void forget_oldest(struct recovery *r)
{
	struct said *s = list_item(r->said.next, struct said, link);

	list_remove(&s->link);
	r->bytes -= s->bytes;
	r->forgotten = s->at;
	sio_builder_release(&s->args);
	free(s->names);
	free(s->event);
	free(s);
}

static void kept_free(struct recovery *r, struct kept *k)
{
	r->kept_bytes -= k->bytes;
	free(k->rooms);
	free(k->data);
	free(k);
}

static void sweep(struct recovery *r)
{
	int64_t oldest_ms = clock_mono_ms() - r->nsp->server->o.recovery_ms;
	struct map_iter it;

	if (r->replaying)
		return;
	while (!list_empty(&r->said) && (r->bytes > r->nsp->server->o.max_recovery_bytes ||
	                                 list_item(r->said.next, struct said, link)->when_ms < oldest_ms))
		forget_oldest(r);
	it = map_begin(&r->kept);
	for (struct map_entry *e; (e = map_next(&it));) {
		struct kept *k = e->value;

		if (k->when_ms >= oldest_ms && map_len(&r->kept) <= LIMIT_RECOVERY_SESSIONS &&
		    r->kept_bytes <= LIMIT_RECOVERY_KEPT_BYTES) {
			map_end(&it);
			break;
		}
		map_del(&r->kept, e->key, e->len);
		kept_free(r, k);
	}
}

void recovery_free(struct recovery *r)
{
	struct map_iter it;

	if (!r)
		return;
	while (!list_empty(&r->said))
		forget_oldest(r);
	it = map_begin(&r->kept);
	for (struct map_entry *e; (e = map_next(&it));)
		kept_free(r, e->value);
	map_release(&r->kept);
	map_release(&r->here);
	free(r);
}

/* --- what is said --- */

static void add_name(struct buf *names, const char *name, size_t *n)
{
	buf_add(names, name, strlen(name) + 1);
	++*n;
}

static void add_terms(struct buf *names, const struct sio_term *terms, size_t nterms, size_t *n)
{
	for (size_t i = 0; i < nterms; i++) {
		if (terms[i].one)
			add_name(names, terms[i].one, n);
		for (size_t k = 0; k < terms[i].n; k++)
			add_name(names, terms[i].list[k], n);
	}
}

const char *recovery_note(struct recovery *r, const struct sio_operator *op, const char *to_sid, const char *event, struct sio_args args)
{
	struct said *s = xzalloc(sizeof *s);
	struct buf names;

	buf_init(&names, SIZE_MAX / 2);
	if (to_sid)
		add_name(&names, to_sid, &s->nto);
	if (op) {
		add_terms(&names, op->to, op->nto, &s->nto);
		add_terms(&names, op->except, op->nexcept, &s->nexcept);
		if (op->sender)
			add_name(&names, socket_id(op->sender), &s->nexcept);
	}
	s->at = ++r->position;
	s->when_ms = clock_mono_ms();
	s->event = xstrdup(event);
	sio_builder_init(&s->args);
	sio_add_all(&s->args, args);
	s->bytes = sizeof *s + names.len + strlen(event) + args.json.n;
	for (size_t i = 0; i < args.nblobs; i++)
		s->bytes += args.blobs[i].n;
	s->names = buf_take(&names, NULL);
	r->bytes += s->bytes;
	list_push(&r->said, &s->link);
	sweep(r);
	snprintf(r->offset, sizeof r->offset, "%llu", (unsigned long long)r->position);
	return r->offset;
}

/* --- who left --- */

bool recovery_reason(const char *reason)
{
	static const char *const reasons[] = {"transport error", "transport close",      "forced close",
	                                      "ping timeout",    "server shutting down", "forced server close"};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

static void add_room(void *names, const char *room)
{
	buf_add(names, room, strlen(room) + 1);
}

void recovery_keep(struct recovery *r, struct sio_socket *s)
{
	struct kept *k, *former;
	struct buf names;
	size_t names_bytes;

	if (!s->pid || s->long_id)
		return;
	k = xzalloc(sizeof *k);
	k->when_ms = clock_mono_ms();
	k->since = s->since;
	memcpy(k->id, s->id, sizeof k->id);
	buf_init(&names, SIZE_MAX / 2);
	k->nrooms = sio_socket_each_room(s, add_room, &names);
	k->rooms = buf_take(&names, &names_bytes);
	k->data = s->data ? xstrdup(s->data) : NULL;
	k->bytes = sizeof *k + names_bytes + (s->data ? strlen(s->data) : 0);
	r->kept_bytes += k->bytes;
	former = map_del(&r->kept, s->pid, strlen(s->pid)); /* anew: it is the youngest now */
	if (former)
		kept_free(r, former);
	map_set(&r->kept, s->pid, strlen(s->pid), k);
	sweep(r);
}

/* --- who is back --- */

void recovery_enter(struct recovery *r, struct sio_socket *s)
{
	map_set(&r->here, s->pid, strlen(s->pid), s);
}

void recovery_leave(struct recovery *r, struct sio_socket *s)
{
	map_del(&r->here, s->pid, strlen(s->pid));
}

/* The connection that pid is still on: it is dead, and only the server does not know yet. */
static void supersede(struct recovery *r, const struct buf *pid)
{
	struct sio_socket *s = map_get(&r->here, pid->data, pid->len);

	if (s)
		client_close(s->client, false);
}

/* A JSON string of digits, as we write them: strtoull(3) would take blanks and signs too. */
static bool read_offset(struct slice text, uint64_t *out)
{
	*out = 0;
	if (json_type(text) != JSON_IS_STRING || text.n < 3 || text.n > 2 + 19)
		return false;
	for (size_t i = 1; i < text.n - 1; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(text.p[i] - '0');
	}
	return true;
}

/* Where the client stands: its offset, or where it connected if it has received nothing. */
static bool position_of(const struct recovery *r, const struct kept *k, struct slice auth, uint64_t *out)
{
	struct slice offset;

	*out = k->since;
	if (json_get(auth, "offset", &offset) && !read_offset(offset, out))
		return false;
	return *out >= r->forgotten && *out <= r->position;
}

static void take_over(struct sio_socket *s, const char *pid, const struct kept *k)
{
	const char *room = k->rooms;

	memcpy(s->id, k->id, sizeof s->id);
	free(s->pid);
	s->pid = xstrdup(pid);
	free(s->data);
	s->data = k->data ? xstrdup(k->data) : NULL;
	for (size_t i = 0; i < k->nrooms; i++, room += strlen(room) + 1)
		adapter_join(s, room);
}

bool recovery_restore(struct recovery *r, struct sio_socket *s, struct slice auth)
{
	struct slice text;
	bool restored = false;
	struct buf pid;
	struct kept *k;

	if (s->long_id || !json_get(auth, "pid", &text) || json_type(text) != JSON_IS_STRING || text.n > 64)
		return false;
	buf_init(&pid, 256);
	json_unquote(&pid, text);
	sweep(r);
	if (!map_get(&r->kept, pid.data, pid.len))
		supersede(r, &pid);
	k = map_get(&r->kept, pid.data, pid.len);
	if (k && position_of(r, k, auth, &s->since)) {
		map_del(&r->kept, pid.data, pid.len);
		take_over(s, pid.data, k);
		kept_free(r, k);
		restored = true;
	}
	buf_release(&pid);
	return restored;
}

static bool is_for(const struct said *said, const struct sio_socket *s)
{
	const char *name = said->names;
	bool meant = said->nto == 0;

	for (size_t i = 0; i < said->nto; i++, name += strlen(name) + 1)
		meant = meant || sio_socket_in(s, name);
	for (size_t i = 0; i < said->nexcept; i++, name += strlen(name) + 1)
		if (sio_socket_in(s, name))
			return false;
	return meant;
}

/* Who is told of packets may say something meanwhile, which reaches s by itself, or end s. */
void recovery_replay(struct recovery *r, struct sio_socket *s)
{
	uint64_t last = r->position;

	r->replaying++;
	for (struct link *l = r->said.next; l != &r->said && s->connected; l = l->next) {
		struct said *said = list_item(l, struct said, link);
		char offset[24];
		struct frames f;

		if (said->at <= s->since || said->at > last || !is_for(said, s))
			continue;
		snprintf(offset, sizeof offset, "%llu", (unsigned long long)said->at);
		frames_event(&f, r->nsp, said->event, sio_built(&said->args), NULL, offset);
		frames_send(&f, s, 0);
		frames_release(&f);
	}
	r->replaying--;
	sweep(r);
}
