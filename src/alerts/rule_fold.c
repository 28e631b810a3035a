/* rule_fold.c: one number from the samples of a window. Unknown samples count for nothing; a window without a known one is unknown. */
#include "alerts/rule.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one pass over the known samples gives. */
struct known {
	size_t n;
	double sum, min, max;
	double first, last;
	int64_t first_ms, last_ms;
};

static struct known known_of(const int64_t *t, const double *v, size_t n)
{
	struct known k = {.min = INFINITY, .max = -INFINITY};

	for (size_t i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		if (!k.n++) {
			k.first = v[i];
			k.first_ms = t[i];
		}
		k.sum += v[i];
		k.min = v[i] < k.min ? v[i] : k.min;
		k.max = v[i] > k.max ? v[i] : k.max;
		k.last = v[i];
		k.last_ms = t[i];
	}
	return k;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Between the two samples that the rank falls between, in proportion, as most tools do it (Hyndman and Fan, type 7). */
static double percentile_of(const double *v, size_t n, size_t known, double percentile)
{
	double *sorted = xreallocarray(NULL, known, sizeof *sorted);
	double rank = percentile / 100 * (double)(known - 1), value;
	size_t at = 0, low = (size_t)rank;

	for (size_t i = 0; i < n; i++)
		if (!isnan(v[i]))
			sorted[at++] = v[i];
	qsort(sorted, known, sizeof *sorted, ascending);
	value = sorted[low];
	if (low + 1 < known)
		value += (sorted[low + 1] - value) * (rank - (double)low);
	free(sorted);
	return value;
}

double rule_fold_window(const struct rule *r, const int64_t *t, const double *v, size_t n)
{
	struct known k = known_of(t, v, n);

	if (!k.n)
		return NAN;
	switch (r->fold) {
	case RULE_LAST:
		return k.last;
	case RULE_AVG:
		return fmin(fmax(k.sum / (double)k.n, k.min), k.max); /* a sum may round past its bounds */
	case RULE_MIN:
		return k.min;
	case RULE_MAX:
		return k.max;
	case RULE_DELTA:
		return k.n > 1 ? k.last - k.first : NAN;
	case RULE_RATE:
		return k.last_ms > k.first_ms ? (k.last - k.first) * 1000 / (double)(k.last_ms - k.first_ms) : NAN;
	case RULE_PERCENTILE:
		return percentile_of(v, n, k.n, r->percentile);
	}
	return NAN;
}

/* Least squares. Times are taken from now on, so that the squares of milliseconds since 1970 do not eat the digits. */
double rule_full_in(const int64_t *t, const double *v, size_t n, double full, int64_t now)
{
	double count = 0, st = 0, sv = 0, stt = 0, stv = 0, spread, slope, present;

	for (size_t i = 0; i < n; i++) {
		double x = (double)(t[i] - now), y = v[i] - full;

		if (isnan(y))
			continue;
		count++;
		st += x;
		sv += y;
		stt += x * x;
		stv += x * y;
	}
	spread = count * stt - st * st;
	if (count < 3 || !(spread > 0))
		return NAN;
	slope = (count * stv - st * sv) / spread;
	present = (sv - slope * st) / count;
	if (present >= 0)
		return 0;
	/* What rounding leaves of a level line is no slope: it would be full in a thousand years. */
	return slope * 3.2e13 > -present ? -present / slope : INFINITY;
}
