/*
 * Appends the time at which it was started to the file $STAMPS, in nanoseconds since 1970.
 *
 * It has no C library: what that prepares at each start takes longer than some schedulers
 * do, and more so in a virtual machine, where each CPUID is a trap.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static long call(long n, long a, long b, long c, long d)
{
	long r;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return r;
}
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
#elif defined(__aarch64__)
static long call(long n, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl run\n");
#else
#error "the machine must be x86-64 or arm64"
#endif

/* run is given what the kernel puts on the stack: argc, argv, 0, envp, 0. */
void run(long *stack)
{
	long now[2], fd = -1, n, i;
	char line[20], **env = (char **)(stack + 1 + stack[0] + 1);
	static const char name[] = "STAMPS=";

	call(SYS_clock_gettime, 0, (long)now, 0, 0);
	for (; *env; env++) {
		for (i = 0; name[i] && (*env)[i] == name[i]; i++)
			;
		if (!name[i])
			fd = call(SYS_openat, AT_FDCWD, (long)(*env + i), O_WRONLY | O_APPEND | O_CREAT, 0644);
	}
	/* 19 digits until the year 2286 */
	line[19] = '\n';
	for (n = now[0] * 1000000000L + now[1], i = 18; i >= 0; i--, n /= 10)
		line[i] = '0' + n % 10;
	n = call(SYS_write, fd, (long)line, sizeof line, 0);
	call(SYS_exit_group, n != sizeof line, 0, 0, 0);
}
