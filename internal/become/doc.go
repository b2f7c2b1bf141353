// Package become turns a process that rota started into the program of a task:
// between fork and exec it takes the rights, limits and directory that the task
// asks for, in this order, and only then looks for the program.
//
// rota starts itself for that, with an empty environment and [Name] as its only
// argument; init does the work and never returns. The package imports next to
// nothing, because Go initializes packages in the order of their imports and then
// of their names: what depends on little comes first, and a helper process ends
// before anything else in the binary is initialized, which would take several
// times as long as all that is done here. A test keeps it so.
//
// What a helper is told is a [Spec] in descriptor [SpecFD]. It answers in
// [ReplyFD] with a [Failure], or by closing it when the program begins.
package become
