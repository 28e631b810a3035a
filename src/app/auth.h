/* auth.h: who asks, and what they may.
 *
 * A token (Authorization: Bearer, or auth: {token} of a CONNECT) names a person and a role; a browser trades one for a session cookie
 * (`POST /api/v1/session`). Who has neither is anonymous, in the role of the configuration. Only hashes of tokens are known here, and
 * they are compared in constant time. Sessions live in memory: after a restart people sign in again; they end with their token. A socket
 * whose role ends (its token was revoked, its browser signed out, a reload shut the anonymous ones out) is disconnected. Loop thread. */
#ifndef APP_AUTH_H
#define APP_AUTH_H

#include "app/app.h"

struct auth;

struct identity {
	enum role role;
	char name[65];                 /* "anonymous" for nobody */
};

struct auth *auth_new(struct app *app);
void auth_free(struct auth *a);
/* Turns the loop until the tokens are known, or for so long at most: before that, who has one is nobody. */
bool auth_await_tokens(struct auth *a, int most_ms);

struct identity auth_of_request(struct app *app, const struct eio_request *r);
/* token is the JSON of handshake.auth; a token that is wrong is nobody, not the anonymous one. */
struct identity auth_of_socket(struct app *app, const struct sio_socket *s);

/* Lets viewers and better into a namespace, others get a connect_error `unauthorized`; and looks after those who are in. */
void auth_guard(struct app *app, struct sio_namespace *nsp);
/* The configuration changed: at the end of this turn, who may no longer be in is disconnected. */
void auth_review(struct auth *a);
void auth_stop(struct auth *a); /* before the guarded namespaces go */

/* A POST or DELETE that a cookie speaks for must come from our own pages. */
bool auth_same_origin(const struct eio_request *r);

/* /api/v1/session: POST {"token": …} signs in, DELETE signs out, GET says who one is. */
void auth_session_get(void *app, struct http_request *r);
void auth_session_post(void *app, struct http_request *r);
void auth_session_delete(void *app, struct http_request *r);

#endif
