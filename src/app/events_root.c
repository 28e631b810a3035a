/* events_root.c: namespace `/`: who comes, who goes, and which tables their events are looked up in. */
#include "app/events.h"
#include "app/feed.h"

static void on_connection(void *app, struct sio_socket *s)
{
	sio_socket_set_user(s, subscriber_new(((struct app *)app)->feed, s));
}

static void on_disconnect(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	struct subscriber *c = sio_socket_user(s);

	(void)user;
	(void)reason;
	(void)description;
	sio_socket_set_user(s, NULL);
	if (c)
		subscriber_free(c);
}

void events_root(struct app *app)
{
	static struct event_table table;
	struct sio_namespace *nsp = sio_of(app->io, "/");

	table.app = app;
	table.rows[0] = events_metrics;
	table.rows[1] = events_alerts;
	auth_guard(app, nsp);
	sio_on_connection(nsp, on_connection, app);
	sio_on_disconnect(nsp, on_disconnect, app);
	event_table_attach(nsp, &table);
}
