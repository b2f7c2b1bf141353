// Package process is a process and its tree: it starts a program in the
// surroundings that a task asks for, reads its output, ends it with all that it
// started, and finds what is left of it after a crash. It knows no task, no
// policy and no record of a run: package runner gives it values and gets values.
//
// # The life of a process
//
// A [Launch] says what to start. [Launch.Run] makes the files through which the
// program and rota communicate (runfiles.go, result.go) and the pipe of its output
// (pipe.go), then starts it (program.go): directly if nothing about it can make rota wait, else by
// a helper process (helper.go) that takes the rights of the task before it looks at
// any file of the task. Each process leads a session and a process group of its
// own. Its process id is recorded in a file as soon as it has begun
// (identity.go), so that kill -9 of rota does not lose sight of it.
//
// It ends by itself, or the end of the context ends it: the whole tree gets the
// stop signal, has its grace, then gets KILL (tree.go). The tree is the group, the
// session, what descends from them, and every process of the user of the run whose
// environment names the run.
//
// # What outlives rota
//
// The directory live holds, for each attempt at a run, the identity of its
// process, its result and the file that asks it to stop. [RemoveStale] (stale_files.go)
// removes what is not needed any more; [Attempt.Clear] ends what is left of one.
//
// A forked run (forked.go) is executed by a shim (shim.go, shim_process.go): rota itself, in a
// session of its own, which executes several. The daemon that has started the shim gives
// it runs by a socket. All else that the two know of a run is in the files of one
// directory, a [Dir]; a later daemon finds the run there.
//
// # Helper processes
//
// rota starts itself under other names: "rota-start" (package become) and
// [HelperName] become a program, [ShimName] executes forked runs. Package runner
// calls [RunHelper] and [RunShim] from its init function, with what an action
// needs, before the command line and the daemon prepare anything.
package process
