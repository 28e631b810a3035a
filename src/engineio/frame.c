/* frame.c: a message encoded once, with its WebSocket head (RFC 6455 5.2) in
 * front of it, and shared by reference count. */
#include "base/xmalloc.h"
#include "engineio/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct eio_frame *allocate(size_t n, int opcode, bool rsv1)
{
	struct eio_frame *f = xmalloc(sizeof *f + FRAME_HEAD + n);
	unsigned char *head;

	assert(n <= UINT32_MAX);
	*f = (struct eio_frame){
		.refs = 1,
		.binary = opcode == 2,
		.head = n < 126 ? 2 : n < 65536 ? 4 : 10,
		.len = (uint32_t)n,
	};
	head = frame_wire(f);
	head[0] = (unsigned char)(0x80 | (rsv1 ? 0x40 : 0) | opcode);
	if (f->head == 2) {
		head[1] = (unsigned char)n;
	} else if (f->head == 4) {
		head[1] = 126;
		head[2] = (unsigned char)(n >> 8);
		head[3] = (unsigned char)n;
	} else {
		head[1] = 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (unsigned char)((uint64_t)n >> (56 - 8 * i));
	}
	return f;
}

struct eio_frame *frame_make(const void *payload, size_t n, int opcode, bool rsv1)
{
	struct eio_frame *f = allocate(n, opcode, rsv1);

	if (n)
		memcpy(frame_payload(f), payload, n);
	return f;
}

struct eio_frame *eio_frame_new(size_t n, bool binary, unsigned char **data)
{
	struct eio_frame *f = allocate(binary ? n : n + 1, binary ? 2 : 1, false);

	*data = frame_payload(f);
	if (!binary)
		*(*data)++ = '4';
	return f;
}

struct eio_frame *eio_frame_of(const void *data, size_t n, bool binary)
{
	unsigned char *to;
	struct eio_frame *f = eio_frame_new(n, binary, &to);

	if (n)
		memcpy(to, data, n);
	return f;
}

size_t eio_frame_len(const struct eio_frame *f)
{
	return f->len;
}

void eio_frame_set_key(struct eio_frame *f, uint64_t key)
{
	f->key = key;
}

struct eio_frame *frame_packet(char type)
{
	return frame_make(&type, 1, 1, false);
}

struct eio_frame *eio_frame_ref(struct eio_frame *f)
{
	f->refs++;
	return f;
}

void eio_frame_unref(struct eio_frame *f)
{
	if (!f || --f->refs)
		return;
	if (f->deflated != f)
		eio_frame_unref(f->deflated);
	free(f);
}
