/* redis_url.h: where a Redis is, as people write it. Pure, any thread.
 *
 *   redis://[[user]:password@]host[:port][/database]      6379, database 0
 *   unix://[[user]:password@]/path/to/socket[?db=database]
 *
 * A host is a name, an address, or an IPv6 address in brackets; user and password may hold %XX. */
#ifndef LOOP_REDIS_URL_H
#define LOOP_REDIS_URL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_url {
	char *host;                    /* NULL: path is a socket */
	char *path;
	char *user, *password;         /* NULL: none */
	uint16_t port;
	unsigned db;
};

/* False: it is none, and *why is what is wrong, for people; it repeats nothing of text, which may hold a password. */
bool redis_url_parse(const char *text, struct redis_url *out, const char **why);
void redis_url_release(struct redis_url *u);
/* As it was written, but for user and password: fit to be shown. */
void redis_url_show(const struct redis_url *u, struct buf *out);

#endif
