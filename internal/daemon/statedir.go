package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"rota/config"
	"rota/internal/trust"
)

// StateDir is where the daemon of a configuration keeps what it must remember: as
// the file says, else where it is by default.
func StateDir(c *config.Config) string {
	if c.Rota.StateDir != "" {
		return c.Rota.StateDir
	}
	return config.DefaultStateDir()
}

// rule is who may change what the daemon runs and answers from.
func (o Options) rule() trust.Rule { return trust.For(o.files().TrustFile) }

// decisive are the entries of the state directory by which somebody who could
// change them would change what rota does.
var decisive = []string{"lock", "rota.db", "rota.db-wal", "rota.db-shm", "token-key", "boot", "last-good", "live", "logs", "runs"}

// makeStateDir makes the state directory, where it is missing. Others must not be
// able to change it or what is in it, nor to put another one in its place: tasks
// are run by what it says.
func (o Options) makeStateDir(dir string) error {
	rule := o.rule()
	if dir == config.SharedStateDir() && rule == trust.Known {
		rule = trust.Nobody // anybody could have made it
	}
	// All that is in it is its owner's alone, but for the socket: the tasks of other
	// users ask there, too.
	err := rule.MakeDir(dir, 0o711)
	for _, name := range append([]string{"."}, decisive...) {
		if err == nil {
			err = rule.Verify(filepath.Join(dir, name))
		}
	}
	if err != nil && !errors.As(err, new(*trust.Error)) {
		err = fmt.Errorf("%w; set state_dir in [rota] of %s", err, o.Config)
	}
	return err
}

// makeSocketDir makes the directory of a socket, where it is missing. Others must
// not be able to put a socket of their own in the place of rota's.
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
