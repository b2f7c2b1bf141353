package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"rota/config"
	"rota/internal/trust"
)

// StateDir returns the state directory of the daemon of a configuration: that of the file,
// else the default.
func StateDir(c *config.Config) string {
	if c.Rota.StateDir != "" {
		return c.Rota.StateDir
	}
	return config.DefaultStateDir()
}

// stateDir returns the state directory of a daemon whose file names none.
func (o Options) stateDir() string { return cmp.Or(o.StateDir, config.DefaultStateDir()) }

// rule returns which users may change the files that the daemon uses.
func (o Options) rule() trust.Rule { return trust.For(o.files().TrustFile) }

// protectedEntries are the entries of the state directory with which a user who can change them
// controls rota.
var protectedEntries = []string{"lock", "rota.db", "rota.db-wal", "rota.db-shm", "token-key", "last-good", "live", "logs", "processes", "runs", "tasks"}

// makeStateDir makes the state directory if it does not exist. Other users must not be able
// to change or replace it, or its content, as rota runs tasks by it.
func (o Options) makeStateDir(dir string) error {
	// Only the owner may use the files in it, except the socket, at which tasks of other
	// users connect.
	err := o.stateRule(dir).MakeDir(dir, 0o711)
	if err == nil {
		err = o.verifyStateDir(dir)
	}
	if err != nil && !errors.As(err, new(*trust.Error)) {
		err = fmt.Errorf("%w; set state_dir in [rota] of %s", err, o.Config)
	}
	return err
}

func (o Options) stateRule(dir string) trust.Rule {
	rule := o.rule()
	if dir == config.SharedStateDir() && rule == trust.KnownUsers {
		return trust.RootAndSelf // any user could have made it
	}
	return rule
}

func (o Options) verifyStateDir(dir string) error {
	rule := o.stateRule(dir)
	for _, name := range append([]string{"."}, protectedEntries...) {
		if err := rule.Verify(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// makeSocketDir makes the directory of a socket if it does not exist. Other users must not
// be able to replace the socket of rota by their own.
func (o Options) makeSocketDir(socket string) error {
	socket, err := filepath.Abs(socket)
	if err == nil {
		err = o.rule().MakeDir(filepath.Dir(socket), 0o755)
	}
	if err != nil {
		return fmt.Errorf("the directory of the socket: %w", err)
	}
	return nil
}

// Unsafe returns how other users can change the state directory and the directory of the
// socket of a configuration, each nil if they cannot, for a daemon that the user of this
// process would start with or without --trust-file.
func Unsafe(c *config.Config, trusted bool) (stateDir, socket *trust.Error) {
	o := Options{TrustFile: trusted}
	_ = errors.As(o.verifyStateDir(StateDir(c)), &stateDir)
	w, err := o.rule().Follow(filepath.Dir(SocketPath(c.Rota.Socket, c.Rota.StateDir)))
	if errors.As(err, &socket) || err != nil {
		return stateDir, socket
	}
	defer w.Close()
	return stateDir, w.Others()
}
