/* cors.c: the headers of cross-origin answers (Fetch standard, CORS protocol). They
 * are no access check: a request from elsewhere is served all the same. */
#include "engineio/engine.h"

#include <stdio.h>
#include <string.h>

static const char *allowed_origin(const struct eio_cors *c, const char *origin)
{
	if (c->any_origin)
		return "*";
	if (!origin)
		return NULL;
	if (c->reflect)
		return origin;
	for (const char *const *o = c->origins; o && *o; o++)
		if (strcmp(*o, origin) == 0)
			return origin;
	return c->allows && c->allows(c->user, origin) ? origin : NULL;
}

void cors_apply(const struct eio_cors *c, const struct eio_request *r, struct eio_headers *h)
{
	const char *allowed;

	if (!c->on)
		return;
	allowed = allowed_origin(c, eio_request_header(r, "origin"));
	if (allowed)
		eio_headers_add(h, "Access-Control-Allow-Origin", allowed);
	if (!c->any_origin)
		eio_headers_add(h, "Vary", "Origin");
	if (c->credentials)
		eio_headers_add(h, "Access-Control-Allow-Credentials", "true");
	if (c->exposed_headers && strcmp(r->method, "OPTIONS") != 0)
		eio_headers_add(h, "Access-Control-Expose-Headers", c->exposed_headers);
}

void cors_preflight(const struct eio_cors *c, const struct eio_request *r, struct eio_headers *h)
{
	const char *asked = eio_request_header(r, "access-control-request-headers");
	char age[16];

	eio_headers_add(h, "Access-Control-Allow-Methods", c->methods ? c->methods : "GET,HEAD,PUT,PATCH,POST,DELETE");
	if (c->allowed_headers) {
		eio_headers_add(h, "Access-Control-Allow-Headers", c->allowed_headers);
	} else {
		eio_headers_add(h, "Vary", "Access-Control-Request-Headers");
		if (asked)
			eio_headers_add(h, "Access-Control-Allow-Headers", asked);
	}
	if (c->max_age_s >= 0) {
		snprintf(age, sizeof age, "%d", c->max_age_s);
		eio_headers_add(h, "Access-Control-Max-Age", age);
	}
}

void eio_cors_headers(const struct eio_server *srv, const struct eio_request *r, struct eio_headers *h)
{
	cors_apply(&srv->o.cors, r, h);
}
