/* sensors.c: temperatures, fans and voltages, from /sys/class/hwmon
 * (Documentation/hwmon/sysfs-interface.rst of the kernel); where it has no
 * temperature, from the thermal zones.
 *
 * Has a thread of its own: a chip may be behind a slow bus. An instance is
 * CHIP:LABEL; chips of one name are told apart by their device's. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { M_TEMPERATURE, M_FAN, M_VOLTAGE, METRICS };

static const struct metric metrics[] = {
	[M_TEMPERATURE] = { "sensor.temperature", "°C",  STORE_GAUGE, "Temperature" },
	[M_FAN]         = { "sensor.fan",         "rpm", STORE_GAUGE, "Revolutions of a fan in a minute" },
	[M_VOLTAGE]     = { "sensor.voltage",     "V",   STORE_GAUGE, "Voltage" },
};

/* How a file TYPEnum_ELEMENT becomes a family of /metrics: the first row that
 * fits, by node_exporter's rules. An element of NULL fits any. The family is
 * node_hwmon_TYPE_ELEMENT (without "_input") and the suffix; in the help text
 * %t stands for the type, %e for the element. */
static const struct rule {
	const char *type, *element, *suffix;
	double unit;
	const char *kind, *help;
} rules[] = {
	{ NULL, "fault", "", 1, PROM_GAUGE, "Hardware sensor %e status (%t)" },
	{ NULL, "alarm", "", 1, PROM_GAUGE, "Hardware sensor %e status (%t)" },
	{ NULL, "beep", "_enabled", 1, PROM_GAUGE, "Hardware monitor sensor has beeping enabled" },
	{ "in", NULL, "_volts", 0.001, PROM_GAUGE, "Hardware monitor for voltage (%e)" },
	{ "cpu", NULL, "_volts", 0.001, PROM_GAUGE, "Hardware monitor for voltage (%e)" },
	{ "temp", "type", "", 1, PROM_GAUGE, "Hardware monitor %t element %e" },
	{ "temp", NULL, "_celsius", 0.001, PROM_GAUGE, "Hardware monitor for temperature (%e)" },
	{ "curr", NULL, "_amps", 0.001, PROM_GAUGE, "Hardware monitor for current (%e)" },
	{ "energy", NULL, "_joule_total", 1e-6, PROM_COUNTER, "Hardware monitor for joules used so far (%e)" },
	{ "power", "accuracy", "", 1e-6, PROM_GAUGE, "Hardware monitor power meter accuracy, as a ratio" },
	{ "power", "average_interval", "_seconds", 0.001, PROM_GAUGE, "Hardware monitor power usage update interval (%e)" },
	{ "power", "average_interval_min", "_seconds", 0.001, PROM_GAUGE, "Hardware monitor power usage update interval (%e)" },
	{ "power", "average_interval_max", "_seconds", 0.001, PROM_GAUGE, "Hardware monitor power usage update interval (%e)" },
	{ "power", NULL, "_watt", 1e-6, PROM_GAUGE, "Hardware monitor for power usage in watts (%e)" },
	{ "humidity", NULL, "", 1e-6, PROM_GAUGE,
	  "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage) (%e)" },
	{ "fan", "input", "_rpm", 1, PROM_GAUGE, "Hardware monitor for fan revolutions per minute (%e)" },
	{ "fan", "min", "_rpm", 1, PROM_GAUGE, "Hardware monitor for fan revolutions per minute (%e)" },
	{ "fan", "max", "_rpm", 1, PROM_GAUGE, "Hardware monitor for fan revolutions per minute (%e)" },
	{ "fan", "target", "_rpm", 1, PROM_GAUGE, "Hardware monitor for fan revolutions per minute (%e)" },
	{ "pwm", NULL, "", 1, PROM_GAUGE, "Hardware monitor %t element %e" },
	{ "fan", NULL, "", 1, PROM_GAUGE, "Hardware monitor %t element %e" },
	{ "update_interval", NULL, "_seconds", 0.001, PROM_GAUGE, "Hardware monitor update interval" },
	{ "beep_enable", NULL, "d", 1, PROM_GAUGE, "Hardware beep enabled" },
	{ "intrusion", NULL, "", 1, PROM_GAUGE, "Hardware monitor %t element %e" },
};

/* The inputs that become series. */
static const struct {
	const char *type;
	size_t metric;
} series[] = {
	{ "temp", M_TEMPERATURE }, { "fan", M_FAN }, { "in", M_VOLTAGE },
};
#define NO_METRIC METRICS

struct chip {
	char *folder;          /* /sys/class/hwmon/hwmon0 */
	char name[64];         /* "coretemp" */
	bool named;            /* it says so itself */
	char device[64];       /* "coretemp.0"; "hwmon3" where it has none */
	char slug[160];        /* node_exporter's: "platform_coretemp_0" */
};

/* One file of a chip that holds a number. */
struct sensor {
	size_t metric;         /* and NO_METRIC */
	char *path, *instance; /* no instance without a metric */
	const struct rule *rule; /* NULL: of a thermal zone, not shown in /metrics */
	char *family, *label;  /* of /metrics */
	size_t lead;           /* the first sensor of the same family */
	char type[16], element[32], stem[24]; /* "temp", "input", "temp1" */
	size_t chip;
	bool live;             /* read each time; else with the search, because limits rarely change */
	double value;          /* as /metrics has it; NaN: it could not be read */
};

struct state {
	char *hwmon, *thermal; /* folders */
	struct chip *chips;
	size_t nchips;
	struct sensor *sensors;
	size_t nsensors;
	unsigned reads;        /* since the folders were searched */
};

#define SENSORS_MAX 2048
#define CHIPS_MAX 128
#define SEARCH_EVERY 60        /* reads: a chip may come with a module or a device */

static void forget(struct state *s)
{
	for (size_t i = 0; i < s->nchips; i++)
		free(s->chips[i].folder);
	for (size_t i = 0; i < s->nsensors; i++) {
		free(s->sensors[i].path);
		free(s->sensors[i].instance);
		free(s->sensors[i].family);
		free(s->sensors[i].label);
	}
	free(s->chips);
	free(s->sensors);
	s->chips = NULL;
	s->sensors = NULL;
	s->nchips = s->nsensors = 0;
}

static int name_order(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* node_exporter's rule for labels: lower case, strange characters become '_', none at either end. */
static void slug(const char *name, char *out, size_t size)
{
	size_t len = 0, start;

	for (start = 0; name[start] && !isalnum((unsigned char)name[start]) && name[start] != ':'; start++)
		;
	for (const char *c = name + start; *c && len + 1 < size; c++) {
		char lower = (char)tolower((unsigned char)*c);

		out[len++] = (isalnum((unsigned char)lower) && (unsigned char)lower < 0x80) || lower == ':' ? lower : '_';
	}
	while (len && out[len - 1] == '_')
		len--;
	out[len] = '\0';
}

static void clean_line(const char *folder, const char *file, char *out, size_t size)
{
	char path[PATH_MAX], line[256];
	struct text t;
	int len = path_join(path, sizeof path, folder, file) ? read_line(AT_FDCWD, path, line, sizeof line) : -1;

	t = text_of(line, len > 0 ? (size_t)len : 0);
	text_clean(&t, out, size);
}

/* The last two parts of where the device link leads: "platform" and "coretemp.0". */
static void name_device(struct chip *c, const char *hwmon_name)
{
	char link[PATH_MAX], target[PATH_MAX], kind[64], device[64], *last;

	snprintf(c->device, sizeof c->device, "%s", hwmon_name);
	slug(hwmon_name, c->slug, sizeof c->slug);
	if (c->name[0])
		slug(c->name, c->slug, sizeof c->slug);
	if (!path_join(link, sizeof link, c->folder, "device") || !realpath(link, target) ||
	    !(last = strrchr(target, '/')) || last == target)
		return;
	*last++ = '\0';
	slug(last, device, sizeof device);
	slug(basename(target), kind, sizeof kind);
	snprintf(c->device, sizeof c->device, "%.63s", last);
	snprintf(c->slug, sizeof c->slug, "%s%s%s", kind, kind[0] && device[0] ? "_" : "", device);
}

static void add_chip(struct state *s, const char *entry)
{
	struct chip *c;

	s->chips = xreallocarray(s->chips, s->nchips + 1, sizeof *s->chips);
	c = &s->chips[s->nchips++];
	*c = (struct chip){ .folder = xasprintf("%s/%s", s->hwmon, entry) };
	clean_line(c->folder, "name", c->name, sizeof c->name);
	name_device(c, entry);
	c->named = c->name[0];
	if (!c->named)
		snprintf(c->name, sizeof c->name, "%s", c->device);
}

static void find_chips(struct state *s)
{
	struct dirent **list;
	int n = scandir(s->hwmon, &list, visible, name_order);

	for (int i = 0; i < n; i++) {
		if (s->nchips < CHIPS_MAX)
			add_chip(s, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static bool name_is_shared(const struct state *s, const struct chip *c)
{
	for (size_t i = 0; i < s->nchips; i++)
		if (&s->chips[i] != c && !strcmp(s->chips[i].name, c->name))
			return true;
	return false;
}

static bool instance_is_taken(const struct state *s, size_t metric, const char *instance)
{
	for (size_t i = 0; i < s->nsensors; i++)
		if (s->sensors[i].metric == metric && !strcmp(s->sensors[i].instance, instance))
			return true;
	return false;
}

/* Takes the strings of sensor. */
static void take_sensor(struct state *s, struct sensor *sensor)
{
	for (sensor->lead = 0; sensor->lead < s->nsensors; sensor->lead++)
		if (sensor->family && s->sensors[sensor->lead].family &&
		    !strcmp(sensor->family, s->sensors[sensor->lead].family))
			break;
	s->sensors = xreallocarray(s->sensors, s->nsensors + 1, sizeof *s->sensors);
	s->sensors[s->nsensors++] = *sensor;
}

/* "temp1_input" is type temp, stem temp1, element input; "pwm1" has no element;
 * "update_interval" is of the whole chip, which node_exporter calls number 0. */
static bool split(const char *file, struct sensor *out)
{
	size_t type = strcspn(file, "0123456789"), digits = strspn(file + type, "0123456789");
	const char *rest = file + type + digits;

	if (!type || type >= sizeof out->type || type + digits >= sizeof out->stem || (*rest && *rest != '_'))
		return false;
	if (*rest && (!rest[1] || strlen(rest + 1) >= sizeof out->element))
		return false;
	snprintf(out->type, sizeof out->type, "%.*s", (int)type, file);
	snprintf(out->stem, sizeof out->stem, "%.*s%s", (int)(type + digits), file, digits ? "" : "0");
	snprintf(out->element, sizeof out->element, "%s", *rest ? rest + 1 : "");
	return true;
}

static const struct rule *rule_of(const struct sensor *sensor)
{
	bool known = false;

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		known = known || (rules[i].type && !strcmp(rules[i].type, sensor->type));
	for (size_t i = 0; known && i < sizeof rules / sizeof *rules; i++)
		if ((!rules[i].type || !strcmp(rules[i].type, sensor->type)) &&
		    (!rules[i].element || !strcmp(rules[i].element, sensor->element)))
			return &rules[i];
	return NULL;
}

static size_t metric_of(const struct sensor *sensor)
{
	for (size_t i = 0; i < sizeof series / sizeof *series; i++)
		if (!strcmp(series[i].type, sensor->type) && !strcmp(sensor->element, "input"))
			return series[i].metric;
	return NO_METRIC;
}

static char *instance_take(const struct state *s, const struct chip *c, const struct sensor *sensor)
{
	bool shared = name_is_shared(s, c);
	const char *label = sensor->label;
	char *instance = xasprintf("%s%s%s:%s", c->name, shared ? "-" : "", shared ? c->device : "",
	                           label[0] ? label : sensor->stem);

	if (!instance_is_taken(s, sensor->metric, instance))
		return instance;
	free(instance); /* two labels alike on one chip */
	return xasprintf("%s%s%s:%s %s", c->name, shared ? "-" : "", shared ? c->device : "", label, sensor->stem);
}

static char *label_take(const char *folder, const struct sensor *sensor)
{
	char file[48], label[96];

	snprintf(file, sizeof file, "%s_label", sensor->stem);
	clean_line(folder, file, label, sizeof label);
	return xstrdup(label);
}

static char *family_take(const struct sensor *sensor)
{
	bool input = !strcmp(sensor->element, "input");
	char element[48];

	slug(sensor->element, element, sizeof element);
	return xasprintf("node_hwmon_%s%s%s%s", sensor->type, input || !element[0] ? "" : "_", input ? "" : element,
	                 sensor->rule->suffix);
}

static bool file_is_known(const struct state *s, const struct sensor *sensor)
{
	for (size_t i = 0; i < s->nsensors; i++)
		if (s->sensors[i].chip == sensor->chip && !strcmp(s->sensors[i].stem, sensor->stem) &&
		    !strcmp(s->sensors[i].element, sensor->element))
			return true;
	return false;
}

static void add_file(struct state *s, size_t chip, const char *folder, const char *file)
{
	struct sensor sensor = { .chip = chip };

	if (s->nsensors == SENSORS_MAX || !split(file, &sensor) || !strcmp(sensor.element, "label"))
		return;
	sensor.rule = rule_of(&sensor);
	if (!sensor.rule || file_is_known(s, &sensor))
		return;
	sensor.metric = metric_of(&sensor);
	sensor.live = !strcmp(sensor.element, "input") || !strcmp(sensor.element, "average");
	sensor.path = xasprintf("%s/%s", folder, file);
	sensor.family = family_take(&sensor);
	sensor.label = label_take(folder, &sensor);
	if (sensor.metric != NO_METRIC)
		sensor.instance = instance_take(s, &s->chips[chip], &sensor);
	take_sensor(s, &sensor);
}

static void find_files(struct state *s, size_t chip, const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, visible, name_order);

	for (int i = 0; i < n; i++) {
		add_file(s, chip, folder, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* Drivers older than Linux 3.14's way have their files beside the device. */
static void find_chip_files(struct state *s, size_t chip)
{
	char *device = xasprintf("%s/device", s->chips[chip].folder);

	find_files(s, chip, s->chips[chip].folder);
	find_files(s, chip, device);
	free(device);
}

static bool has_temperature(const struct state *s)
{
	for (size_t i = 0; i < s->nsensors; i++)
		if (s->sensors[i].metric == M_TEMPERATURE)
			return true;
	return false;
}

static void add_zone(struct state *s, const char *name)
{
	struct sensor sensor = { .metric = M_TEMPERATURE, .live = true };
	char *folder = xasprintf("%s/%s", s->thermal, name), type[64];

	clean_line(folder, "type", type, sizeof type);
	sensor.instance = xasprintf("thermal:%s", type[0] ? type : name);
	if (instance_is_taken(s, M_TEMPERATURE, sensor.instance)) {
		free(sensor.instance);
		sensor.instance = xasprintf("thermal:%s %s", type, name);
	}
	sensor.path = xasprintf("%s/temp", folder);
	free(folder);
	take_sensor(s, &sensor);
}

static void find_zones(struct state *s)
{
	struct dirent **list;
	int n = scandir(s->thermal, &list, visible, name_order);

	for (int i = 0; i < n; i++) {
		if (!strncmp(list[i]->d_name, "thermal_zone", strlen("thermal_zone")) && s->nsensors < SENSORS_MAX)
			add_zone(s, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* Thermal zones are thousandths of a degree as well. */
static int measure(struct sensor *sensor)
{
	int64_t value;
	int err = read_i64(AT_FDCWD, sensor->path, &value);

	sensor->value = err ? NAN : (double)value * (sensor->rule ? sensor->rule->unit : 0.001);
	return err;
}

/* Firmware says -128 °C for a sensor that is not fitted. */
static double told_value(const struct sensor *sensor)
{
	return sensor->metric == M_TEMPERATURE && sensor->value <= -127 ? NAN : sensor->value;
}

static void search(struct state *s)
{
	forget(s);
	find_chips(s);
	for (size_t i = 0; i < s->nchips; i++)
		find_chip_files(s, i);
	if (!has_temperature(s))
		find_zones(s);
	for (size_t i = 0; i < s->nsensors; i++)
		measure(&s->sensors[i]);
	s->reads = 0;
}

static void close_sensors(void *state)
{
	struct state *s = state;

	forget(s);
	free(s->hwmon);
	free(s->thermal);
	s->hwmon = s->thermal = NULL;
}

static int open_sensors(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;

	s->hwmon = xasprintf("%s/class/hwmon", roots->sys);
	s->thermal = xasprintf("%s/class/thermal", roots->sys);
	search(s);
	if (s->nsensors)
		return 0;
	*why = "this host shows no sensors (hwmon, thermal zones)";
	close_sensors(s);
	return -ENODEV;
}

static int read_sensors(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;

	(void)now;
	(void)why;
	if (s->reads++ >= SEARCH_EVERY)
		search(s);
	for (size_t i = 0; i < s->nsensors; i++) {
		struct sensor *sensor = &s->sensors[i];
		int err = sensor->live ? measure(sensor) : 0;

		if (err == -ENOENT || err == -ENODEV)
			s->reads = SEARCH_EVERY; /* it was pulled out: look again next time */
		else if (sensor->metric != NO_METRIC) /* one that is broken or asleep refuses: unknown */
			sink_set_at(out, sensor->metric, sensor->instance, told_value(sensor));
	}
	return 0;
}

/* --- /metrics --- */

static void help_of(const struct sensor *sensor, char *out, size_t size)
{
	size_t len = 0;

	for (const char *c = sensor->rule->help; *c && len + sizeof sensor->element < size; c++) {
		if (*c != '%')
			out[len++] = *c;
		else
			len += (size_t)snprintf(out + len, size - len, "%s", *++c == 't' ? sensor->type : sensor->element);
	}
	out[len] = '\0';
}

static bool shown(const struct sensor *sensor)
{
	return sensor->rule && !isnan(sensor->value);
}

static void expose_family(const struct state *s, size_t lead, struct buf *out)
{
	const char *family = s->sensors[lead].family;
	char help[192];
	bool begun = false;

	help_of(&s->sensors[lead], help, sizeof help);
	for (size_t i = lead; i < s->nsensors; i++) {
		const struct sensor *sensor = &s->sensors[i];

		if (sensor->lead != lead || !shown(sensor))
			continue;
		if (!begun)
			prom_family(out, family, sensor->rule->kind, help);
		begun = true;
		prom_sample(out, family, sensor->value, "chip", s->chips[sensor->chip].slug, "sensor", sensor->stem, NULL);
	}
}

static void expose_chips(const struct state *s, struct buf *out)
{
	static const char family[] = "node_hwmon_chip_names";
	bool begun = false;
	char name[64];

	for (size_t i = 0; i < s->nchips; i++) {
		if (!s->chips[i].named)
			continue;
		if (!begun)
			prom_family(out, family, PROM_GAUGE, "Annotation metric for human-readable chip names");
		begun = true;
		slug(s->chips[i].name, name, sizeof name);
		prom_sample(out, family, 1, "chip", s->chips[i].slug, "chip_name", name, NULL);
	}
}

/* A label is of a stem, temp1, whose first file stands for all of them. */
static bool first_of_stem(const struct state *s, size_t i)
{
	const struct sensor *sensor = &s->sensors[i];

	return !i || s->sensors[i - 1].chip != sensor->chip || strcmp(s->sensors[i - 1].stem, sensor->stem);
}

static void expose_labels(const struct state *s, struct buf *out)
{
	static const char family[] = "node_hwmon_sensor_label";
	bool begun = false;

	for (size_t i = 0; i < s->nsensors; i++) {
		const struct sensor *sensor = &s->sensors[i];

		if (!sensor->rule || !sensor->label[0] || !first_of_stem(s, i))
			continue;
		if (!begun)
			prom_family(out, family, PROM_GAUGE, "Label for given chip and sensor");
		begun = true;
		prom_sample(out, family, 1, "chip", s->chips[sensor->chip].slug, "label", sensor->label, "sensor",
		            sensor->stem, NULL);
	}
}

static void expose_sensors(void *state, struct buf *out)
{
	const struct state *s = state;

	if (!s->nchips)
		return;
	expose_chips(s, out);
	for (size_t i = 0; i < s->nsensors; i++)
		if (s->sensors[i].rule && s->sensors[i].lead == i)
			expose_family(s, i, out);
	expose_labels(s, out);
}

const struct collector collector_sensors = {
	.name = "sensors",
	.help = "Temperatures, fans, voltages",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.blocking = true,
	.state_bytes = sizeof(struct state),
	.open = open_sensors,
	.read = read_sensors,
	.expose = expose_sensors,
	.close = close_sensors,
};
