// Package units reads timers and services of systemd: unit files with their drop-ins,
// calendar expressions, time spans and command lines, from a given file system. It only
// parses them; package importer converts them.
package units
