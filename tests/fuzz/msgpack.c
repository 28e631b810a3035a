/* msgpack.c: a packet of the msgpack parser. What is read and written again is read as the same: numbers may be rounded
 * the first time, and never after. */
#include "fuzz.h"

#include "socketio/sio.h"

struct read {
	struct buf json;
	struct sio_packet p;
	struct sio_blob *blobs;
	size_t nblobs;
};

static bool read_packet(struct read *r, const void *data, size_t n)
{
	*r = (struct read){.blobs = NULL};
	buf_init(&r->json, SIZE_MAX / 2);
	return msgpack_decode(data, n, &r->json, &r->p, &r->blobs, &r->nblobs);
}

static void release(struct read *r)
{
	free(r->blobs);
	buf_release(&r->json);
}

static void encode(struct buf *out, const struct read *r)
{
	struct sio_args args = {r->p.data, r->blobs, r->nblobs};
	const uint64_t *id = r->p.has_id ? &r->p.id : NULL;
	struct buf nsp;

	buf_init(&nsp, SIZE_MAX / 2);
	buf_add(&nsp, r->p.nsp.p, r->p.nsp.n);
	if (r->p.type == PACKET_EVENT || r->p.type == PACKET_ACK) {
		args.json = r->p.data.n ? slice_of(r->p.data.p + 1, r->p.data.n - 2) : slice_of("", 0);
		msgpack_encode(out, r->p.type, nsp.data, id, slice_of("", 0), args, NULL, NULL);
	} else {
		msgpack_encode(out, r->p.type, nsp.data, id, r->p.data, sio_none(), NULL, NULL);
	}
	buf_release(&nsp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *copy = exact_copy(data, n);
	struct read first, second, third;
	struct buf out, again;

	buf_init(&out, SIZE_MAX / 2);
	buf_init(&again, SIZE_MAX / 2);
	if (read_packet(&first, copy, n) && first.p.data.n) {
		assert(json_valid(first.p.data, 4096));
		encode(&out, &first);
		assert(read_packet(&second, out.data, out.len));
		assert(second.p.type == first.p.type && second.p.has_id == first.p.has_id);
		assert(second.nblobs == first.nblobs || (first.p.type != PACKET_EVENT && first.p.type != PACKET_ACK));
		encode(&again, &second);
		assert(read_packet(&third, again.data, again.len));
		assert(third.p.data.n == second.p.data.n && memcmp(third.p.data.p, second.p.data.p, third.p.data.n) == 0);
		release(&third);
		release(&second);
	}
	release(&first);
	buf_release(&out);
	buf_release(&again);
	free(copy);
	return 0;
}
