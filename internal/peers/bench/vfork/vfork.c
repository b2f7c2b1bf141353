/*
 * Starts a program as often as is said, one after the other, and waits for each, by vfork and
 * execve: what is left of a start if nothing is checked, recorded or kept. It prints how many
 * starts it made a second, and the microseconds of processor time that each took of it.
 *
 *	vfork STARTS PIPES PROGRAM
 *
 * The program writes to one pipe, to one for stdout and another for stderr or, without any, to
 * those of this process; each is read to its end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double used(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void start(char **argv, int pipes)
{
	char buffer[4096];
	int fds[2][2], i, status;
	pid_t pid;

	for (i = 0; i < pipes; i++)
		if (pipe2(fds[i], O_CLOEXEC))
			fail("pipe");
	pid = vfork();
	if (pid < 0)
		fail("vfork");
	if (pid == 0) {
		for (i = 0; pipes && i < 2; i++)
			dup2(fds[i % pipes][1], 1 + i);
		execve(argv[0], argv, environ);
		_exit(127);
	}
	for (i = 0; i < pipes; i++)
		close(fds[i][1]);
	for (i = 0; i < pipes; i++) {
		while (read(fds[i][0], buffer, sizeof buffer) > 0)
			;
		close(fds[i][0]);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail(argv[0]);
}

int main(int argc, char **argv)
{
	int starts, pipes, i;
	double at, before;

	if (argc != 4 || (starts = atoi(argv[1])) < 1 || (pipes = atoi(argv[2])) < 0 || pipes > 2) {
		fprintf(stderr, "usage: %s STARTS PIPES PROGRAM\n", argv[0]);
		return 2;
	}
	at = seconds();
	before = used();
	for (i = 0; i < starts; i++)
		start(argv + 3, pipes);
	printf("%f %f\n", starts / (seconds() - at), (used() - before) * 1e6 / starts);
	return 0;
}
