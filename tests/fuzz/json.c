/* json.c: the JSON scanner, and the walks over what it let through. */
#include "fuzz.h"

#include "base/json.h"
#include "base/utf8.h"

#define DEPTH 64

/* Visits everything; what is quoted again and read again is the same. */
static void visit(struct slice v)
{
	struct json_walk w = json_walk(v);
	struct slice key, value;
	struct buf plain, quoted, again;

	switch (json_type(v)) {
	case JSON_IS_OBJECT:
		while (json_next_member(&w, &key, &value)) {
			assert(json_type(key) == JSON_IS_STRING);
			visit(value);
		}
		json_get(v, "a", &value);
		break;
	case JSON_IS_ARRAY:
		for (size_t i = 0; json_next(&w, &value); i++)
			visit(value);
		break;
	case JSON_IS_STRING:
		buf_init(&plain, v.n);
		buf_init(&quoted, v.n * 6 + 2);
		buf_init(&again, v.n);
		json_unquote(&plain, v);
		json_add_string(&quoted, plain.data, plain.len);
		assert(!plain.full && !quoted.full && utf8_valid(plain.data, plain.len));
		assert(json_valid(slice_of(quoted.data, quoted.len), 1));
		json_unquote(&again, slice_of(quoted.data, quoted.len));
		assert(again.len == plain.len && memcmp(again.data, plain.data, plain.len) == 0);
		buf_release(&plain);
		buf_release(&quoted);
		buf_release(&again);
		break;
	case JSON_IS_NUMBER:
		json_number(v);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = exact_copy(data, n);
	const char *end = json_scan(text, text + n, DEPTH);

	if (end) {
		const char *start = text;

		while (memchr(" \t\r\n", *start, 4))
			start++;
		assert(end > start && end <= text + n);
		assert(json_valid(slice_of(start, (size_t)(end - start)), DEPTH));
		visit(slice_of(start, (size_t)(end - start)));
	}
	free(text);
	return 0;
}
