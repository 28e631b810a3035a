/* redis_wire.c: what servers say to each other through Redis. */
#include "socketio/redis_wire.h"

#include "base/limits.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

/* What a client may nest, and the message around it. */
#define WIRE_DEPTH (LIMIT_JSON_DEPTH + 2)

/* --- pieces of JSON --- */

static bool is(struct slice v, enum json_type type)
{
	return v.n && json_type(v) == type;
}

/* To be freed; NULL if it holds a NUL: no name of ours does. */
static char *text_take(struct slice v)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (json_type(v) == JSON_IS_STRING)
		json_unquote(&b, v);
	else
		json_add_slice(&b, v);
	if (!memchr(b.data, '\0', b.len))
		return buf_take(&b, NULL);
	buf_release(&b);
	return NULL;
}

/* A name is a text; some programs use numbers. */
static bool is_name(struct slice v)
{
	return is(v, JSON_IS_STRING) || is(v, JSON_IS_NUMBER);
}

static void set_text(char **field, struct slice v)
{
	free(*field);
	*field = is_name(v) ? text_take(v) : NULL;
}

static void names_add(struct wire_names *l, char *take_name)
{
	if (!take_name)
		return;
	l->at = xreallocarray(l->at, l->n + 1, sizeof *l->at);
	l->at[l->n++] = take_name;
}

static void names_release(struct wire_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i]);
	free(l->at);
	*l = (struct wire_names){0};
}

static void set_names(struct wire_names *l, struct slice v)
{
	struct slice item;

	names_release(l);
	if (!is(v, JSON_IS_ARRAY))
		return;
	l->given = json_at(v, 0, &item);
	l->too_many = json_at(v, LIMIT_CLUSTER_NAMES, &item);
	if (l->too_many)
		return;
	for (struct json_walk w = json_walk(v); json_next(&w, &item);)
		names_add(l, is_name(item) ? text_take(item) : NULL);
}

/* --- the members that mean something --- */

static void take_flags(struct wire_opts *o, struct slice v)
{
	struct json_walk w = json_walk(v);
	struct slice key, value;
	double ms;

	o->flags = o->timeout_ms = 0;
	while (json_next_member(&w, &key, &value)) {
		if (json_string_is(key, "volatile") && is(value, JSON_IS_TRUE))
			o->flags |= SIO_VOLATILE;
		else if (json_string_is(key, "compress") && is(value, JSON_IS_FALSE))
			o->flags |= SIO_UNCOMPRESSED;
		else if (json_string_is(key, "transient") && is(value, JSON_IS_TRUE))
			o->flags |= SIO_TRANSIENT;
		else if (json_string_is(key, "coalesce") && is(value, JSON_IS_TRUE))
			o->flags |= SIO_COALESCE;
		else if (json_string_is(key, "timeout") && is(value, JSON_IS_NUMBER)) {
			ms = json_number(value);
			o->timeout_ms = ms > LIMIT_CLUSTER_TIMEOUT_MS ? LIMIT_CLUSTER_TIMEOUT_MS : ms >= 1 ? (uint32_t)ms : 0;
		}
	}
}

static void take_opts(struct wire *w, struct slice v)
{
	struct slice key, value;

	w->has_opts = is(v, JSON_IS_OBJECT);
	if (!w->has_opts)
		return;
	for (struct json_walk walk = json_walk(v); json_next_member(&walk, &key, &value);) {
		if (json_string_is(key, "rooms"))
			set_names(&w->opts.rooms, value);
		else if (json_string_is(key, "except"))
			set_names(&w->opts.except, value);
		else if (json_string_is(key, "flags") && is(value, JSON_IS_OBJECT))
			take_flags(&w->opts, value);
	}
}

/* [event, …]. False: it is none, or the event is one of those that only a server tells of itself. */
static bool take_event(struct wire *w, struct slice data)
{
	struct slice name, first;
	struct json_walk walk;
	const char *end;

	if (!is(data, JSON_IS_ARRAY))
		return false;
	end = data.p + data.n - 1; /* the bracket */
	walk = json_walk(data);
	if (!json_next(&walk, &name) || !is_name(name))
		return false;
	set_text(&w->event, name);
	w->args = (struct sio_args){slice_of("", 0), w->blobs, w->nblobs};
	if (json_next(&walk, &first))
		w->args.json = slice_of(first.p, (size_t)(end - first.p));
	return w->event && (!w->nblobs || packet_placeholders_fit(w->args.json, w->nblobs));
}

/* {type: 2, data: […], nsp} */
static bool take_packet(struct wire *w, struct slice v)
{
	struct slice data = {0}, type = {0}, nsp = {0};

	if (!is(v, JSON_IS_OBJECT))
		return false;
	json_get(v, "data", &data);
	json_get(v, "nsp", &nsp);
	set_text(&w->nsp, nsp.n ? nsp : slice_str("\"/\""));
	/* 5 is 2 with bytes in it. Others only concern one client and its server. */
	return json_get(v, "type", &type) && (slice_is(type, "2") || slice_is(type, "5")) && w->nsp && take_event(w, data) &&
	       !packet_name_is_reserved(w->event, strlen(w->event));
}

static size_t count_of(struct slice v)
{
	double n = is(v, JSON_IS_NUMBER) ? json_number(v) : 0;

	return n > 0 && n < 1e9 ? (size_t)n : 0;
}

/* What each member of a request or a response sets. A member of the wrong sort is as good as missing. */
static void take_member(struct wire *w, struct slice key, struct slice v)
{
	if (json_string_is(key, "uid"))
		set_text(&w->uid, v);
	else if (json_string_is(key, "requestId"))
		set_text(&w->request_id, v);
	else if (json_string_is(key, "type"))
		w->type = is(v, JSON_IS_NUMBER) && v.n == 1 ? (enum wire_type)(*v.p - '0') : WIRE_NO_TYPE;
	else if (json_string_is(key, "opts"))
		take_opts(w, v);
	else if (json_string_is(key, "rooms"))
		set_names(&w->rooms, v);
	else if (json_string_is(key, "sid"))
		set_text(&w->sid, v);
	else if (json_string_is(key, "room"))
		set_text(&w->room, v);
	else if (json_string_is(key, "close"))
		w->close = is(v, JSON_IS_TRUE);
	else if (json_string_is(key, "clientCount"))
		w->client_count = count_of(v);
	else if (json_string_is(key, "sockets") && is(v, JSON_IS_ARRAY))
		w->sockets = v;
	else if (json_string_is(key, "data"))
		w->data = v;
}

/* --- whole messages --- */

static bool read_text(struct wire *w, const void *message, size_t n)
{
	*w = (struct wire){.type = WIRE_NO_TYPE, .args.json = slice_of("", 0), .data = slice_of("", 0), .sockets = slice_of("", 0)};
	buf_init(&w->text, LIMIT_CLUSTER_TEXT_BYTES);
	if (n && *(const char *)message == '{') {
		buf_add(&w->text, message, n);
		return !w->text.full && json_valid(slice_of(w->text.data, n), WIRE_DEPTH);
	}
	return msgpack_to_json(message, n, WIRE_DEPTH, &w->text, &w->blobs, &w->nblobs) && !w->text.full;
}

static struct slice whole(const struct wire *w)
{
	return slice_of(w->text.data, w->text.len);
}

static bool too_many_names(const struct wire *w)
{
	return w->rooms.too_many || w->opts.rooms.too_many || w->opts.except.too_many;
}

bool wire_read_broadcast(struct wire *w, const void *message, size_t n)
{
	struct slice uid, packet, opts;

	if (!read_text(w, message, n) || !is(whole(w), JSON_IS_ARRAY) || !json_at(whole(w), 0, &uid) || !json_at(whole(w), 1, &packet) ||
	    !json_at(whole(w), 2, &opts))
		return false;
	set_text(&w->uid, uid);
	take_opts(w, opts);
	return w->has_opts && !too_many_names(w) && take_packet(w, packet);
}

static bool read_object(struct wire *w, const void *message, size_t n)
{
	struct slice key, value;

	if (!read_text(w, message, n) || !is(whole(w), JSON_IS_OBJECT))
		return false;
	for (struct json_walk walk = json_walk(whole(w)); json_next_member(&walk, &key, &value);)
		take_member(w, key, value);
	return true;
}

bool wire_read_request(struct wire *w, const void *message, size_t n)
{
	struct slice packet = {0};

	if (!read_object(w, message, n) || too_many_names(w))
		return false;
	switch (w->type) {
	case WIRE_SOCKETS:
	case WIRE_ALL_ROOMS:
		return w->request_id;
	case WIRE_FETCH:
		return w->request_id && w->has_opts;
	case WIRE_JOIN:
	case WIRE_LEAVE:
		return w->has_opts || (w->sid && w->room);
	case WIRE_DISCONNECT:
		return w->has_opts || w->sid;
	case WIRE_SERVER_EMIT:
		return take_event(w, w->data);
	case WIRE_BROADCAST:
		return w->request_id && w->has_opts && json_get(whole(w), "packet", &packet) && take_packet(w, packet);
	default:
		return false;
	}
}

bool wire_read_response(struct wire *w, const void *message, size_t n)
{
	if (!read_object(w, message, n) || !w->request_id)
		return false;
	if (w->type != WIRE_ACK)
		return true;
	w->args = (struct sio_args){slice_str("null"), w->blobs, w->nblobs};
	json_get(whole(w), "packet", &w->args.json);
	return !w->nblobs || packet_placeholders_fit(w->args.json, w->nblobs);
}

void wire_release(struct wire *w)
{
	buf_release(&w->text);
	free(w->blobs);
	free(w->uid);
	free(w->request_id);
	free(w->event);
	free(w->nsp);
	free(w->sid);
	free(w->room);
	names_release(&w->rooms);
	names_release(&w->opts.rooms);
	names_release(&w->opts.except);
	*w = (struct wire){0};
}

/* --- writing --- */

void wire_id(char out[WIRE_ID_LEN + 1])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	unsigned char bytes[WIRE_ID_LEN];

	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < WIRE_ID_LEN; i++)
		out[i] = letters[bytes[i] & 63];
	out[WIRE_ID_LEN] = '\0';
}

static void put_name(struct buf *out, const char *name)
{
	if (out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	json_add_str(out, name);
}

void wire_put_names(struct buf *out, const char *const *names, size_t n)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++)
		put_name(out, names[i]);
	buf_addc(out, ']');
}

static void put_terms(struct buf *out, const struct sio_term *terms, size_t n, const char *one_more)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (terms[i].one)
			put_name(out, terms[i].one);
		for (size_t k = 0; k < terms[i].n; k++)
			put_name(out, terms[i].list[k]);
	}
	if (one_more)
		put_name(out, one_more);
	buf_addc(out, ']');
}

static const struct {
	unsigned flag;
	const char *text;
} flags[] = {
	{SIO_VOLATILE, "\"volatile\":true"},
	{SIO_UNCOMPRESSED, "\"compress\":false"},
	{SIO_TRANSIENT, "\"transient\":true"}, /* ours alone, as the next: who does not know it lets it be */
	{SIO_COALESCE, "\"coalesce\":true"},
};

void wire_put_opts(struct buf *out, const struct sio_operator *op)
{
	const char *comma = "";

	buf_adds(out, "{\"rooms\":");
	put_terms(out, op->to, op->nto, NULL);
	buf_adds(out, ",\"except\":");
	put_terms(out, op->except, op->nexcept, op->sender ? socket_id(op->sender) : NULL);
	buf_adds(out, ",\"flags\":{");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (!(op->flags & flags[i].flag))
			continue;
		buf_addf(out, "%s%s", comma, flags[i].text);
		comma = ",";
	}
	if (op->timeout_ms)
		buf_addf(out, "%s\"timeout\":%u", comma, op->timeout_ms);
	buf_adds(out, "}}");
}

void wire_put_packet(struct buf *out, const char *nsp, const char *event, struct sio_args args)
{
	buf_adds(out, "{\"type\":2,\"data\":[");
	json_add_str(out, event);
	if (args.json.n)
		buf_addc(out, ',');
	json_add_slice(out, args.json);
	buf_adds(out, "],\"nsp\":");
	json_add_str(out, nsp);
	buf_addc(out, '}');
}

void wire_put_plain(struct buf *out, struct sio_args args)
{
	struct buf packed;

	if (!args.nblobs) { /* as it was sent, to the last digit */
		buf_addc(out, '[');
		json_add_slice(out, args.json);
		buf_addc(out, ']');
		return;
	}
	buf_init(&packed, SIZE_MAX / 2);
	{
		struct buf list;

		buf_init(&list, SIZE_MAX / 2);
		buf_addc(&list, '[');
		json_add_slice(&list, args.json);
		buf_addc(&list, ']');
		wire_pack(&packed, slice_of(list.data, list.len), args.blobs, args.nblobs);
		buf_release(&list);
	}
	msgpack_to_json(packed.data, packed.len, WIRE_DEPTH, out, NULL, NULL);
	buf_release(&packed);
}

void wire_pack(struct buf *out, struct slice text, const struct sio_blob *blobs, size_t nblobs)
{
	msgpack_put_json(out, text, (struct sio_args){.blobs = blobs, .nblobs = nblobs});
}
