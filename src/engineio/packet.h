/* packet.h: Engine.IO payloads, the bodies of polling requests and answers. Pure.
 *
 * Protocol 4: packets joined by 0x1e; `b` and base64 is a binary message.
 * Protocol 3: `<length>:<packet>`, lengths in UTF-16 units, or, where binary may
 * travel, for each packet 0|1, the decimal length as bytes 0–9, 255, the content. */
#ifndef ENGINEIO_PACKET_H
#define ENGINEIO_PACKET_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* One packet found in a payload. A binary one is a message; its data is decoded. */
struct packet {
	bool binary;
	char type;             /* '0'…'6' */
	const char *data;
	size_t n;
};

/* Calls fn for each packet until it returns false. data is writable for the call
 * and a NUL follows it. Returns false at the first that is none; those before it
 * were told. body is changed while it is read; body[n] must be writable. */
typedef bool packet_fn(void *user, const struct packet *p);
bool packet_decode_v4(char *body, size_t n, packet_fn *fn, void *user);
bool packet_decode_v3_text(char *body, size_t n, packet_fn *fn, void *user);
bool packet_decode_v3_binary(char *body, size_t n, packet_fn *fn, void *user);

/* One packet of text (with its type), or the bytes of a binary message. */
void packet_encode_v4(struct buf *out, const void *payload, size_t n, bool binary);
void packet_encode_v3_text(struct buf *out, const void *payload, size_t n, bool binary);
void packet_encode_v3_binary(struct buf *out, const void *payload, size_t n, bool binary);

/* Base64 of a client, decoded to p, which may be where it stands. As in Node nothing in it is an error: it ends at the
 * first `=`, and what else is no base64, such as the ends of lines, is passed over. Returns the length. */
size_t packet_decode_base64(char *p, char *text, size_t n);
void packet_add_base64(struct buf *out, const void *data, size_t n);

/* JSONP: ___eio[N]("…"); and the form field d of its POST, decoded in place. */
void packet_wrap_jsonp(struct buf *out, const char *index, const char *payload, size_t n);
bool packet_unwrap_jsonp(struct buf *body);

#endif
