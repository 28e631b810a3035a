/* engineio_payload.c: bodies of polling requests. The first byte says which form, the rest is the body. */
#include "fuzz.h"

#include "engineio/packet.h"

/* What a decoder told, written again in another form: it must be told the same. */
struct copy {
	struct buf v4;
	size_t told;
};

static bool take(void *user, const struct packet *p)
{
	struct copy *c = user;

	assert(p->data[p->n] == '\0');
	assert(p->type >= '0' && p->type <= '6');
	if (p->binary) {
		packet_encode_v4(&c->v4, p->data, p->n, true);
	} else if (!memchr(p->data, '\x1e', p->n)) { /* which has no place inside a packet of protocol 4 */
		struct buf whole;

		buf_init(&whole, p->n + 1);
		buf_addc(&whole, p->type);
		buf_add(&whole, p->data, p->n);
		packet_encode_v4(&c->v4, whole.data, whole.len, false);
		buf_release(&whole);
	} else {
		return true;
	}
	c->told++;
	return true;
}

static bool count(void *user, const struct packet *p)
{
	(void)p;
	++*(size_t *)user;
	return true;
}

static void read_jsonp(char *text, size_t n)
{
	struct buf b;

	buf_init(&b, n + 1);
	buf_add(&b, text, n);
	packet_unwrap_jsonp(&b);
	buf_release(&b);
	buf_init(&b, n * 8 + 100);
	packet_wrap_jsonp(&b, "0", text, n);
	assert(!b.full && !memchr(b.data, '\n', b.len));
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool (*const decoders[])(char *, size_t, packet_fn *, void *) = {packet_decode_v4, packet_decode_v3_text, packet_decode_v3_binary};
	struct copy c = {.told = 0};
	size_t again = 0;
	char *body;

	if (!n)
		return 0;
	body = exact_copy(data, n); /* the first byte makes room for the NUL behind the body */
	memmove(body, body + 1, n - 1);
	buf_init(&c.v4, n * 8 + 100);
	if (data[0] % 4 == 3)
		read_jsonp(body, n - 1);
	else
		decoders[data[0] % 4](body, n - 1, take, &c);
	assert(!c.v4.full);
	if (c.told)
		assert(packet_decode_v4(c.v4.data, c.v4.len, count, &again) && again == c.told);
	buf_release(&c.v4);
	free(body);
	return 0;
}
