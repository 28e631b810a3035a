/* units.c: the units that systemd calls failed, as systemctl --failed lists them.
 *
 * org.freedesktop.systemd1.Manager over the system bus (org.freedesktop.systemd1(5)), or, where there is no bus, over the socket that
 * systemd keeps for root. It is asked over one connection that stays; whoever is asked may be slow, so this has a thread of its own. */
#include "collectors/collectors.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include "base/library.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

enum { M_FAILED, METRICS };

static const struct metric metrics[] = {
	[M_FAILED] = { "units.failed", "", STORE_GAUGE, "Units of systemd that have failed: how many; each by its name, and 0 for a while after" },
};

#define PATIENCE_US 3000000
#define UNITS_MAX 512          /* that are told by name */
#define CALM_READS 30          /* in which a unit that failed no longer is told as 0: so its alert ends at once */

/* Where systemd can be asked, in this order. */
static const struct {
	const char *path;
	bool bus;              /* a bus between us and it, to which we say hello first */
} doors[] = {
	{ "run/dbus/system_bus_socket", true },
	{ "run/systemd/private", false },
};

/* On hosts of systemd it always is. */
static const char *const names[] = { "libsystemd.so.0", NULL };
#define CALLS(CALL) \
	CALL(sd_bus_call_method) CALL(sd_bus_close_unref) CALL(sd_bus_message_enter_container) \
	CALL(sd_bus_message_exit_container) CALL(sd_bus_message_read) CALL(sd_bus_message_skip) \
	CALL(sd_bus_message_unref) CALL(sd_bus_new) CALL(sd_bus_set_address) CALL(sd_bus_set_bus_client) \
	CALL(sd_bus_set_method_call_timeout) CALL(sd_bus_start)
static struct {
	CALLS(LIBRARY_MEMBER)
} lib;
static const struct library_call calls[] = { CALLS(LIBRARY_ROW) };

struct state {
	sd_bus *bus;
	struct roster units;
};

struct unit {
	struct roster_item item;
	unsigned calm;         /* reads since it was seen failed */
};

static void close_units(void *state)
{
	struct state *s = state;

	s->bus = lib.sd_bus_close_unref(s->bus);
	roster_release(&s->units);
}

/* An address escapes all but these (D-Bus specification, Server Addresses). */
static char *address_take(const char *path)
{
	char *address = xasprintf("unix:path=%*s", (int)(3 * strlen(path)), "");
	char *to = address + strlen("unix:path=");

	for (const char *c = path; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-_/.\\*", *c);

		to += sprintf(to, plain ? "%c" : "%%%02x", (unsigned char)*c);
	}
	*to = '\0';
	return address;
}

static int knock(struct state *s, const char *path, bool bus)
{
	char *address = address_take(path);
	int err = lib.sd_bus_new(&s->bus);

	if (err >= 0)
		err = lib.sd_bus_set_address(s->bus, address);
	if (err >= 0)
		err = lib.sd_bus_set_bus_client(s->bus, bus);
	if (err >= 0)
		err = lib.sd_bus_set_method_call_timeout(s->bus, PATIENCE_US);
	if (err >= 0)
		err = lib.sd_bus_start(s->bus);
	if (err < 0)
		s->bus = lib.sd_bus_close_unref(s->bus);
	free(address);
	return err < 0 ? err : 0;
}

static int connect_manager(struct state *s, const char *root)
{
	char path[512];
	int err = -ENOENT;

	for (size_t i = 0; err && i < sizeof doors / sizeof *doors; i++)
		if (path_join(path, sizeof path, root, doors[i].path) && !access(path, F_OK))
			err = knock(s, path, doors[i].bus);
	return err;
}

static bool booted_by_systemd(const char *root) /* sd_booted(3) */
{
	char path[512];

	return path_join(path, sizeof path, root, "run/systemd/system") && !access(path, F_OK);
}

static int open_units(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err;

	if (!booted_by_systemd(roots->root)) {
		*why = "this host is not run by systemd";
		return -ENOENT;
	}
	if (!library_load(names, calls, sizeof calls / sizeof *calls, &lib)) {
		*why = "libsystemd is not on this host";
		return -ENODEV;
	}
	s->units.item_bytes = sizeof(struct unit);
	s->units.most = UNITS_MAX;
	err = connect_manager(s, roots->root);
	if (!err)
		return 0;
	*why = "cannot connect to the system bus";
	if (err == -EACCES || err == -ENOENT) {
		*why = "this host has no system bus, and without one systemd answers root alone";
		return -ENODEV;
	}
	return err;
}

static void tell_failed(struct state *s, const char *name, struct sink *out)
{
	struct text t = text_of(name, strlen(name));
	struct unit *u = roster_meet(&s->units, &t);

	if (!u)
		return;
	u->calm = 0;
	sink_set_at(out, M_FAILED, u->item.name, 1);
}

static void tell_calm(struct state *s, struct sink *out)
{
	for (size_t i = 0; i < s->units.n; i++) {
		struct unit *u = (struct unit *)s->units.items[i];

		if (u->item.round == s->units.round || u->calm++ >= CALM_READS)
			continue;
		u->item.round = s->units.round; /* it stays */
		sink_set_at(out, M_FAILED, u->item.name, 0);
	}
}

/* a(ssssssouso): name, description, states and paths of each unit. */
static int tell(struct state *s, sd_bus_message *answer, struct sink *out)
{
	const char *name;
	size_t n = 0;
	int rc = lib.sd_bus_message_enter_container(answer, 'a', "(ssssssouso)");

	roster_begin(&s->units);
	while (rc >= 0 && (rc = lib.sd_bus_message_enter_container(answer, 'r', "ssssssouso")) > 0) {
		rc = lib.sd_bus_message_read(answer, "s", &name);
		if (rc < 0)
			break;
		tell_failed(s, name, out);
		n++;
		rc = lib.sd_bus_message_skip(answer, "sssssouso");
		if (rc >= 0)
			rc = lib.sd_bus_message_exit_container(answer);
	}
	if (rc < 0)
		return rc;
	tell_calm(s, out);
	roster_end(&s->units);
	sink_set(out, M_FAILED, (double)n);
	return 0;
}

static int ask(struct state *s, struct sink *out)
{
	sd_bus_message *answer = NULL;
	int err = lib.sd_bus_call_method(s->bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
	                             "ListUnitsFiltered", NULL, &answer, "as", 1, "failed");

	if (err >= 0)
		err = tell(s, answer, out);
	lib.sd_bus_message_unref(answer);
	return err < 0 ? err : 0;
}

static int read_units(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	int err = ask(state, out);

	(void)now;
	if (err)
		*why = "systemd does not answer on the system bus";
	return err;
}

const struct collector collector_units = {
	.name = "units",
	.help = "Failed units of systemd",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 10000,
	.blocking = true,
	.state_bytes = sizeof(struct state),
	.open = open_units,
	.read = read_units,
	.close = close_units,
};
