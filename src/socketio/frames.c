/* frames.c: packets on their way out: encoded once, whoever gets them. */
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

static void add(struct frames *f, struct eio_frame *take_frame)
{
	if (f->n == sizeof f->at / sizeof *f->at || f->more) {
		f->more = xreallocarray(f->more, f->n + 1, sizeof(struct eio_frame *));
		if (f->n == sizeof f->at / sizeof *f->at)
			memcpy(f->more, f->at, sizeof f->at);
		f->more[f->n++] = take_frame;
	} else {
		f->at[f->n++] = take_frame;
	}
}

static struct eio_frame *frame_at(const struct frames *f, size_t i)
{
	return f->more ? f->more[i] : f->at[i];
}

void frames_release(struct frames *f)
{
	for (size_t i = 0; i < f->n; i++)
		eio_frame_unref(frame_at(f, i));
	free(f->more);
	*f = (struct frames){0};
}

static void encode(struct frames *f, enum packet_type type, const struct sio_namespace *nsp, const uint64_t *id, const char *event,
                   struct sio_args args, const char *offset)
{
	struct buf b;

	*f = (struct frames){0};
	buf_init(&b, UINT32_MAX / 2);
	if (nsp->server->o.parser == SIO_PARSER_MSGPACK) {
		msgpack_encode(&b, type, nsp->name, id, slice_of("", 0), args, event, offset);
		add(f, eio_frame_of(b.data, b.len, true));
		buf_release(&b);
		return;
	}
	packet_put_head(&b, type, args.nblobs, nsp->name, id);
	buf_addc(&b, '[');
	if (event) {
		json_add_str(&b, event);
		if (args.json.n)
			buf_addc(&b, ',');
	}
	json_add_slice(&b, args.json);
	if (offset) {
		buf_addc(&b, ',');
		json_add_str(&b, offset);
	}
	buf_addc(&b, ']');
	add(f, eio_frame_of(b.data, b.len, false));
	buf_release(&b);
	for (size_t i = 0; i < args.nblobs; i++)
		add(f, eio_frame_of(args.blobs[i].data, args.blobs[i].n, true));
}

void frames_event(struct frames *f, const struct sio_namespace *nsp, const char *event, struct sio_args args, const uint64_t *id,
                  const char *offset)
{
	encode(f, PACKET_EVENT, nsp, id, event, args, offset);
	f->is_event = true;
}

void frames_coalesce(struct frames *f, const struct sio_namespace *nsp, const char *event)
{
	struct buf name;

	if (f->n > 1)
		return;
	buf_init(&name, SIZE_MAX / 2);
	buf_add(&name, nsp->name, strlen(nsp->name) + 1);
	buf_adds(&name, event);
	eio_frame_set_key(f->at[0], map_hash(name.data, name.len) | 1);
	buf_release(&name);
}

void frames_ack(struct frames *f, const struct sio_namespace *nsp, uint64_t id, struct sio_args args)
{
	encode(f, PACKET_ACK, nsp, &id, NULL, args, NULL);
}

static bool has_room(const struct frames *f, struct eio_session *session, unsigned flags)
{
	size_t bytes = 0;

	for (size_t i = 0; i < f->n; i++)
		bytes += eio_frame_len(frame_at(f, i));
	return eio_session_has_room(session, bytes, f->n, flags & SIO_COALESCE ? frame_at(f, 0) : NULL);
}

bool frames_send(const struct frames *f, struct sio_socket *s, unsigned flags)
{
	unsigned as = (flags & SIO_UNCOMPRESSED ? EIO_UNCOMPRESSED : 0u) | (flags & SIO_VOLATILE ? EIO_VOLATILE : 0u) |
	              (flags & SIO_COALESCE ? EIO_COALESCE : 0u);
	struct eio_session *session = s->client->session;

	if (!session)
		return false;
	if (f->is_event && s->nsp->server->o.overflow == SIO_OVERFLOW_DROP && !has_room(f, session, flags)) {
		s->dropped++;
		return false;
	}
	/* A header never goes without its attachments: all or nothing is decided with the first. */
	if (!eio_session_send(session, frame_at(f, 0), as)) {
		s->dropped += (flags & SIO_VOLATILE) != 0;
		return false;
	}
	for (size_t i = 1; i < f->n; i++)
		eio_session_send(session, frame_at(f, i), as & ~(unsigned)EIO_VOLATILE);
	return true;
}
