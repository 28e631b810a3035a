/* redis_wire.c: a message of another server, in each of its three forms. What is read is sound JSON, and what of it goes on
 * to clients or back to servers can be read again. */
#include "fuzz.h"

#include "base/json.h"
#include "socketio/redis_wire.h"
#include "socketio/sio.h"

#define DEEP 4096

static bool (*const readers[])(struct wire *w, const void *message, size_t n) = {wire_read_broadcast, wire_read_request, wire_read_response};

static void check_sound(const struct wire *w)
{
	struct buf list;

	assert(json_valid(slice_of(w->text.data, w->text.len), DEEP));
	buf_init(&list, SIZE_MAX / 2);
	buf_addc(&list, '[');
	json_add_slice(&list, w->args.json);
	buf_addc(&list, ']');
	assert(json_valid(slice_of(list.data, list.len), DEEP));
	buf_release(&list);
	if (w->nblobs && w->args.json.n)
		assert(packet_placeholders_fit(w->args.json, w->nblobs));
}

/* As a server passes it on. */
static void check_again(const struct wire *w)
{
	struct wire again;
	struct buf text, packed;

	if (!w->event || packet_name_is_reserved(w->event, strlen(w->event)))
		return;
	buf_init(&text, SIZE_MAX / 2);
	buf_init(&packed, SIZE_MAX / 2);
	buf_adds(&text, "[\"u\",");
	wire_put_packet(&text, "/", w->event, w->args);
	buf_adds(&text, ",{}]");
	wire_pack(&packed, slice_of(text.data, text.len), w->args.blobs, w->args.nblobs);
	if (json_valid(slice_of(text.data, text.len), 1000)) {
		assert(wire_read_broadcast(&again, packed.data, packed.len));
		assert(strcmp(again.event, w->event) == 0);
		wire_release(&again);
	}
	buf_reset(&text);
	wire_put_plain(&text, w->args);
	assert(json_valid(slice_of(text.data, text.len), DEEP));
	buf_release(&text);
	buf_release(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *copy = exact_copy(data, n);

	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
		struct wire w;

		if (readers[i](&w, copy, n)) {
			check_sound(&w);
			check_again(&w);
		}
		wire_release(&w);
	}
	free(copy);
	return 0;
}
