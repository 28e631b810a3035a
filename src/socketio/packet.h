/* packet.h: Socket.IO packets, protocol 5, default parser. Pure.
 *
 *   <type>[<attachments>-][<namespace>,][<ack id>][JSON]
 */
#ifndef SOCKETIO_PACKET_H
#define SOCKETIO_PACKET_H

#include "base/buf.h"
#include "base/json.h"
#include "socketio/socketio.h"

#include <stdbool.h>
#include <stdint.h>

enum packet_type {
	PACKET_CONNECT,
	PACKET_DISCONNECT,
	PACKET_EVENT,
	PACKET_ACK,
	PACKET_CONNECT_ERROR,
	PACKET_BINARY_EVENT,
	PACKET_BINARY_ACK,
};

/* Slices point into what was decoded. */
struct sio_packet {
	enum packet_type type;    /* 5 and 6 are told as 2 and 3 with attachments */
	struct slice nsp;         /* "/" if the packet names none */
	bool has_id;
	uint64_t id;
	unsigned attachments;
	struct slice data;        /* all JSON, validated; empty if there is none */
	/* Of an event */
	struct slice name;        /* JSON text of its first element */
	struct slice args;        /* the rest of an event, all of an ack: values joined by commas */
};

struct sio_packet packet_empty(void); /* its slices are empty, never NULL */
/* False: it is none. maxima: LIMIT_… of base/limits.h. */
bool packet_decode(const char *text, size_t n, struct sio_packet *out);
const char *packet_error(const char *text, size_t n); /* why packet_decode() said no, as the Node parser puts it */
/* What packet_decode() does behind the header: checks data by type and finds name and args. any_name: an event may
 * have a name that is reserved, no text, or none at all; msgpack's decoder has always let them through. */
bool packet_check(struct sio_packet *p, bool any_name);
/* The key that says an object stands for an attachment. Only this spelling does: a client that escapes letters of it
 * is corrected when its packet comes, and what other parsers carry through as plain data is spelled otherwise. */
#define PLACEHOLDER_KEY "\"_placeholder\""
void packet_spell_placeholders(char *json, size_t n); /* in place, at the same length */
/* Tells the number of each {"_placeholder":true,"num":N} in json as its object ends, empty if it has none. json is
 * one value or several joined by commas, and was let through by packet_decode(). False: fn returned false. */
typedef bool placeholder_fn(void *user, struct slice num);
bool packet_each_placeholder(struct slice json, placeholder_fn *fn, void *user);
/* Every placeholder in json has a number below n. */
bool packet_placeholders_fit(struct slice json, size_t n);
bool packet_name_is_reserved(const char *name, size_t n);

/* `2`, or `5<n>-`, the namespace and id. Then the caller adds JSON. */
void packet_put_head(struct buf *out, enum packet_type type, size_t attachments, const char *nsp, const uint64_t *id);

#endif
