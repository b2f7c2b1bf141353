// Package become runs in a helper process that rota started, and executes the program of a
// task in it: between fork and exec it sets the limits, rights and directory of the task, in
// this order, and only then looks for the program.
//
// rota starts itself for that, with an empty environment and [Name] as its only argument;
// init does the work and never returns. The package imports almost nothing, because Go
// initializes packages in the order of their imports and then of their names: a package
// with few dependencies comes first, so a helper process ends before the rest of the binary
// is initialized, which would take several times as long as the work done here. A test
// checks that.
//
// A helper reads a [Spec] from descriptor [SpecFD]. It writes a [Failure] to [ReplyFD], or
// closes that when the program begins.
package become
