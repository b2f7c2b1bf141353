// Package units reads timers and services of systemd: unit files with their
// drop-ins, calendar expressions, time spans and command lines. It knows what
// they say, and not what becomes of it. It reads a file system that it is given.
package units
