/* Appends the time at which it was started to the file $STAMPS, as nanoseconds since 1970. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec now;
	char line[32];
	const char *path = getenv("STAMPS");
	int fd, n;

	clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(line, sizeof line, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
	fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
	return fd < 0 || write(fd, line, n) != n;
}
