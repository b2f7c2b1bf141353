package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Account is a user as a process needs one.
type Account struct {
	Name, Home, Shell string
	UID, GID          uint32
	Groups            []uint32
}

// LookupUser finds a user by name or number: in /etc/passwd, then by getent,
// which asks LDAP and the like; a static binary cannot.
// group, if not "", takes the place of the user's own group.
func LookupUser(ctx context.Context, name, group string) (*Account, error) {
	line, err := passwdLine(ctx, name)
	if err != nil {
		return nil, err
	}
	f := strings.Split(line, ":")
	if len(f) < 7 {
		return nil, fmt.Errorf("user %q: cannot read %q from getent", name, line)
	}
	uid, err1 := strconv.ParseUint(f[2], 10, 32)
	gid, err2 := strconv.ParseUint(f[3], 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	a := &Account{Name: f[0], Home: f[5], Shell: f[6], UID: uint32(uid), GID: uint32(gid)}
	if a.Groups, err = groupsOf(ctx, a.Name, f[3]); err != nil {
		return nil, err
	}
	if group != "" {
		if a.GID, err = LookupGroup(ctx, group); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// UserID is the number of a user, as of [Settings]. "" is rota's own, and so is one
// that cannot be found any more.
func UserID(name string) int {
	if name == "" {
		return os.Geteuid()
	}
	as, err := LookupUser(context.Background(), name, "")
	if err != nil {
		return os.Geteuid()
	}
	return as.id()
}

// id is the number of an account; that of rota's own is nil.
func (a *Account) id() int {
	if a == nil {
		return os.Geteuid()
	}
	return int(a.UID)
}

// passwdLine returns the line of passwd(5) of a user.
func passwdLine(ctx context.Context, name string) (string, error) {
	local, err := os.ReadFile("/etc/passwd")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for line := range strings.Lines(string(local)) {
		if f := strings.Split(line, ":"); len(f) > 2 && (f[0] == name || f[2] == name) {
			return strings.TrimSpace(line), nil
		}
	}
	out, err := runGetent(ctx, "getent", "passwd", "--", name)
	if err != nil {
		return "", fmt.Errorf("no user %q on this machine", name)
	}
	return strings.TrimSpace(string(out)), nil
}

// groupsOf returns every group that a user is in.
func groupsOf(ctx context.Context, name, gid string) ([]uint32, error) {
	u := &user.User{Username: name, Gid: gid}
	ids, err := u.GroupIds()
	if err != nil {
		out, err2 := runGetent(ctx, "id", "-G", "--", name)
		if err2 != nil {
			return nil, fmt.Errorf("groups of user %q: %w", name, err)
		}
		ids = strings.Fields(string(out))
	}
	var groups []uint32
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("groups of user %q: %w", name, err)
		}
		groups = append(groups, uint32(n))
	}
	return groups, nil
}

// LookupGroup finds a group by name or number.
func LookupGroup(ctx context.Context, name string) (uint32, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	id := ""
	if g, err := user.LookupGroup(name); err == nil {
		id = g.Gid
	} else if out, err := runGetent(ctx, "getent", "group", "--", name); err == nil {
		if f := strings.Split(strings.TrimSpace(string(out)), ":"); len(f) > 2 {
			id = f[2]
		}
	}
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("no group %q on this machine", name)
	}
	return uint32(n), nil
}

// runGetent runs a program that answers questions about users, which may be as slow as
// the server that it asks: until ctx ends, but not for ever.
func runGetent(ctx context.Context, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, getentMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	return cmd.Output()
}

const getentMax = 30 * time.Second

// isSelf reports whether rota has the rights of this account anyway.
func (a *Account) isSelf() bool {
	if a == nil || int(a.UID) != os.Getuid() || int(a.GID) != os.Getgid() {
		return false
	}
	if a.UID != 0 {
		return true
	}
	have, err := os.Getgroups()
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(have, func(g int) bool { return g != int(a.GID) && !slices.Contains(a.Groups, uint32(g)) })
}
