/* library.c: shared libraries that are looked for when they are needed. */
#include "base/library.h"

#include "base/xmalloc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool take_calls(void *handle, const struct library_call *calls, size_t n, void *lib)
{
	void **found = xcalloc(n, sizeof *found);
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all &= (found[i] = dlsym(handle, calls[i].name)) != NULL;
	for (size_t i = 0; all && i < n; i++)
		memcpy((char *)lib + calls[i].offset, &found[i], sizeof found[i]);
	free(found);
	return all;
}

static bool load(const char *name, const struct library_call *calls, size_t n, void *lib)
{
	void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return false;
	if (take_calls(handle, calls, n, lib))
		return true;
	dlclose(handle);
	return false;
}

bool library_load(const char *const *names, const struct library_call *calls, size_t n, void *lib)
{
	for (; *names; names++)
		if (load(*names, calls, n, lib))
			return true;
	return false;
}

bool library_load_image(const void *image, size_t size, const struct library_call *calls, size_t n, void *lib)
{
	int fd = memfd_create("library", MFD_CLOEXEC);
	char path[32];
	bool loaded;

	if (fd < 0)
		return false;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	loaded = write(fd, image, size) == (ssize_t)size && load(path, calls, n, lib);
	close(fd);
	return loaded;
}
