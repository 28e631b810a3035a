/* admin.h: the protocol of Socket.IO's Admin UI (@socket.io/admin-ui 0.5), as a namespace of the server itself.
 *
 * Whoever opens the official page (admin.socket.io, or its files served by oneself) sees namespaces, rooms and
 * sockets, and can emit, join, leave and disconnect. In development mode the page gets every event; so that ten
 * thousand sockets do not freeze it, it is shown so many of them and so many events a second, and no more.
 *
 * On the loop's thread; the password is checked on a thread of its own, for bcrypt is slow on purpose. */
#ifndef SOCKETIO_ADMIN_H
#define SOCKETIO_ADMIN_H

#include "socketio/socketio.h"

struct sio_admin;

enum sio_admin_mode {
	SIO_ADMIN_DEVELOPMENT, /* sockets and events one by one */
	SIO_ADMIN_PRODUCTION,  /* sums alone */
};

struct sio_admin_options {
	const char *namespace_name;    /* "/admin" */
	const char *username;          /* NULL: everyone may in */
	const char *password_hash;     /* bcrypt, "$2b$10$…": crypt(5) */
	const char *server_id;         /* NULL: the host's name */
	enum sio_admin_mode mode;
	bool read_only;                /* looking, not touching */
	size_t max_sessions;           /* logins that are remembered; the oldest is forgotten: 1000 */
	size_t max_sockets;            /* that the page is shown: 1000 */
	uint32_t details_per_second;   /* events, rooms and changes that it is told of: 500 */
	size_t max_event_bytes;        /* a bigger event is told without its arguments: 65536 */
};
void sio_admin_options_init(struct sio_admin_options *o);

/* Copies o. NULL: the hash is none that bcrypt has. A server has one at most. */
struct sio_admin *sio_admin_new(struct sio_server *io, const struct sio_admin_options *o);
/* Right before sio_server_free() of its server, whose namespace still has its handlers; waits for a password that is being
 * checked. */
void sio_admin_free(struct sio_admin *a);

#endif
