/* socketio_packet.c: a Socket.IO packet of the default parser, its placeholders and its arguments. */
#include "fuzz.h"

#include "socketio/packet.h"

static void use(struct sio_args args)
{
	struct sio_builder b;
	struct sio_blob blob;
	struct sio_args built;
	struct buf text;
	size_t n = sio_args_count(args);
	double d;

	sio_builder_init(&b);
	buf_init(&text, SIZE_MAX / 2);
	sio_add_binary(&b, "x", 1); /* so that what follows is counted on from it */
	sio_add_all(&b, args);
	for (size_t i = 0; i < n; i++) {
		sio_args_string(args, i, &text);
		sio_args_number(args, i, &d);
		sio_args_binary(args, i, &blob);
	}
	built = sio_built(&b);
	assert(sio_args_count(built) == n + 1);
	assert(built.nblobs == (n ? args.nblobs : 0) + 1);
	assert(packet_placeholders_fit(built.json, built.nblobs));
	sio_builder_release(&b);
	buf_release(&text);
}

/* Written again it is read as the same. */
static void write_again(const struct sio_packet *p)
{
	struct sio_packet again;
	struct buf b;
	char *nsp = malloc(p->nsp.n + 1);

	memcpy(nsp, p->nsp.p, p->nsp.n);
	nsp[p->nsp.n] = '\0';
	buf_init(&b, SIZE_MAX / 2);
	packet_put_head(&b, p->type, p->attachments, nsp, p->has_id ? &p->id : NULL);
	json_add_slice(&b, p->data);
	if (strlen(nsp) == p->nsp.n) {
		assert(packet_decode(b.data, b.len, &again));
		assert(again.type == p->type && again.attachments == p->attachments && again.has_id == p->has_id);
		assert(!p->has_id || again.id == p->id);
		assert(again.nsp.n == p->nsp.n && memcmp(again.nsp.p, p->nsp.p, p->nsp.n) == 0);
		assert(again.args.n == p->args.n && (!p->args.n || memcmp(again.args.p, p->args.p, p->args.n) == 0));
	}
	buf_release(&b);
	free(nsp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct sio_blob blobs[16] = {{"a", 1}};
	char *text = exact_copy(data, n);
	struct sio_packet p;

	if (packet_decode(text, n, &p)) {
		write_again(&p);
		if ((p.type == PACKET_EVENT || p.type == PACKET_ACK) && packet_placeholders_fit(p.args, p.attachments))
			use((struct sio_args){p.args, p.attachments ? blobs : NULL, p.attachments});
	}
	free(text);
	return 0;
}
