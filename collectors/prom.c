/* prom.c: writing Prometheus' text format. */
#include "collectors/prom.h"

#include "collectors/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT 9007199254740992.0 /* 2^53: whole numbers up to here are written as such */

void prom_family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void prom_label(struct buf *b, char before, const char *label, const char *value)
{
	struct text raw = text_of(value, strlen(value));
	char clean[4097];
	size_t len = text_clean(&raw, clean, sizeof clean);

	buf_addc(b, before);
	buf_adds(b, label);
	buf_adds(b, "=\"");
	for (size_t i = 0; i < len; i++) {
		if (clean[i] == '"' || clean[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, clean[i]);
	}
	buf_addc(b, '"');
}

/* The shortest of two forms that reads back as the same number. */
static void add_fraction(struct buf *b, double value)
{
	char s[32];

	snprintf(s, sizeof s, "%.15g", value);
	if (strtod(s, NULL) != value)
		snprintf(s, sizeof s, "%.17g", value);
	buf_adds(b, s);
}

static void add_value(struct buf *b, double value)
{
	buf_addc(b, ' ');
	if (isnan(value))
		buf_adds(b, "NaN");
	else if (isinf(value))
		buf_adds(b, value > 0 ? "+Inf" : "-Inf");
	else if (value == floor(value) && fabs(value) < EXACT)
		buf_addi(b, (int64_t)value);
	else
		add_fraction(b, value);
	buf_addc(b, '\n');
}

void prom_sample(struct buf *b, const char *name, double value, ...)
{
	const char *label;
	char before = '{';
	va_list ap;

	buf_adds(b, name);
	va_start(ap, value);
	while ((label = va_arg(ap, const char *))) {
		prom_label(b, before, label, va_arg(ap, const char *));
		before = ',';
	}
	va_end(ap);
	if (before == ',')
		buf_addc(b, '}');
	add_value(b, value);
}

void prom_single(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	prom_family(b, name, type, help);
	prom_sample(b, name, value, (const char *)NULL);
}
