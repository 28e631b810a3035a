/* turns.h: requests that take long: a share of each turn of the loop is theirs, and no more, so that whoever asks for much makes
 * nobody else late.
 *
 * What comes while nobody waits and the turn has time left is done at once. All else waits: each client's requests in order, the clients
 * one after another, one request each. A client is an address that its own requests have in common. Loop thread. */
#ifndef APP_TURNS_H
#define APP_TURNS_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct turns;
struct turns *turns_new(struct loop *l);
void turns_free(struct turns *t); /* does first what still waits: let its clients be gone by then. NULL: nothing */

/* Does it, and frees it. */
typedef void turns_fn(void *request);

bool turns_now(struct turns *t); /* may a request be done at once? */
bool turns_waits(const struct turns *t, const void *client); /* does one of its requests wait? Then the next comes behind it */
/* Does it in a later turn. bytes: what it holds. false, and it is still the caller's: of this client LIMIT_HEAVY_REQUESTS wait
 * already, or of all clients LIMIT_HEAVY_BYTES. */
bool turns_later(struct turns *t, const void *client, size_t bytes, turns_fn *fn, void *take_request);

#endif
