/* routes.h: the HTTP side: what is at which path, and who may ask. */
#ifndef APP_ROUTES_H
#define APP_ROUTES_H

#include "app/app.h"

/* Makes app->http: routes, the guard, the headers of every answer; and attaches the Socket.IO server. */
void routes_open(struct app *app);

/* guard.c: Host against DNS rebinding, Origin against other sites' pages. True: go on. */
bool guard_request(void *app, struct http_request *r);
bool guard_host_allowed(const struct app *app, const char *host);     /* Host header, port included */
bool guard_origin_allowed(const struct app *app, const char *origin, const char *host);
void guard_headers(void *app, struct http_request *r);

/* routes_alerts.c */
void route_alerts(void *app, struct http_request *r);
void route_rules(void *app, struct http_request *r);
void route_explain(void *app, struct http_request *r);
void route_silences(void *app, struct http_request *r);
void route_channels(void *app, struct http_request *r);
void route_deliveries(void *app, struct http_request *r);
void route_audit(void *app, struct http_request *r);
void route_acknowledge(void *app, struct http_request *r);
void route_silence(void *app, struct http_request *r);
void route_resend(void *app, struct http_request *r);
void route_channel(void *app, struct http_request *r);

/* exposition.c: /metrics */
void exposition_reply(struct app *app, struct http_request *r);

#endif
