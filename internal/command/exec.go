package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"rota/config"
	"rota/internal/daemon"
	"rota/runner"
)

func execCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Category:  "Run tasks",
		Usage:     "run one task now, in this terminal",
		ArgsUsage: "TASK",
		Description: `With the user, directory, environment, limits and time-out of the task, but
without daemon, queue or record. INT and TERM stop it as a time-out would. Ends
with the task's own exit code; with 124 at its time-out, 128+n if signal n ended
it, and 125 for failures of rota itself.

  rota exec backup`,
		Flags: []cli.Flag{trustFlag()},
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return misuse("exec", "exec needs the name of a task")
			}
			cfg, err := load(c, c.Bool("trust-file"))
			if err != nil {
				return err
			}
			task, found := cfg.Tasks.Find(name)
			if !found {
				return noTask(name, cfg)
			}
			return s.exec(c, cfg, task)
		},
	}
}

// interrupt is the cause of a context that a signal ended.
type interrupt struct{ syscall.Signal }

func (i interrupt) Error() string { return "stopped by " + unix.SignalName(i.Signal) }

func (s *session) exec(c *cli.Context, cfg *config.Config, task config.Task) error {
	// The parent of rota may have left descriptors open; the task must not get them.
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	ctx, cancel := context.WithCancelCause(c.Context)
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() {
		sig := <-signals
		cancel(interrupt{sig.(syscall.Signal)})
	}()
	result := runner.Exec(ctx, &task.Task, daemon.StateDir(cfg), c.Bool("trust-file"), s.out)
	by, _ := context.Cause(ctx).(interrupt)
	if result.Exit != nil || result.Outcome == runner.OK {
		by = interrupt{} // it came too late
	}
	return ended(task, result, by.Signal)
}

// ended turns the end of a task into the exit status of the program. by is the signal
// that made rota stop it; 0: none.
func ended(task config.Task, r runner.Result, by syscall.Signal) error {
	_, isCommand := task.Action.(*runner.Command)
	fails := func(c code) error { return fail(c, "", "%s: %s", task.Name, r.Why) }
	switch {
	case r.Outcome == runner.TimedOut:
		return fail(exitTimeout, "", "%s: time-out %s", task.Name, r.Why)
	case by != 0:
		return fails(exitSignal + code(by))
	case r.Signal != "":
		return fails(exitSignal + code(unix.SignalNum("SIG"+r.Signal)))
	case r.Exit != nil:
		return exitStatus(*r.Exit)
	case r.Outcome == runner.OK:
		return nil
	case isCommand:
		return fails(exitRota)
	}
	return fails(exitFailed)
}
