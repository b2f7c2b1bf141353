package runner

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// account is a user as a process needs one.
type account struct {
	name, home, shell string
	uid, gid          uint32
	groups            []uint32
}

// lookupUser finds a user by name or number: in /etc/passwd, then by getent,
// which asks LDAP and the like; a static binary cannot.
// group, if not "", takes the place of the user's own group.
func lookupUser(name, group string) (*account, error) {
	line, err := passwdLine(name)
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
	a := &account{name: f[0], home: f[5], shell: f[6], uid: uint32(uid), gid: uint32(gid)}
	if a.groups, err = groupsOf(a.name, f[3]); err != nil {
		return nil, err
	}
	if group != "" {
		if a.gid, err = lookupGroup(group); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// passwdLine returns the line of passwd(5) of a user.
func passwdLine(name string) (string, error) {
	local, err := os.ReadFile("/etc/passwd")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for line := range strings.Lines(string(local)) {
		if f := strings.Split(line, ":"); len(f) > 2 && (f[0] == name || f[2] == name) {
			return strings.TrimSpace(line), nil
		}
	}
	out, err := exec.Command("getent", "passwd", "--", name).Output()
	if err != nil {
		return "", fmt.Errorf("no user %q on this machine", name)
	}
	return strings.TrimSpace(string(out)), nil
}

// groupsOf returns every group that a user is in.
func groupsOf(name, gid string) ([]uint32, error) {
	u := &user.User{Username: name, Gid: gid}
	ids, err := u.GroupIds()
	if err != nil {
		out, err2 := exec.Command("id", "-G", "--", name).Output()
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

// lookupGroup finds a group by name or number.
func lookupGroup(name string) (uint32, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	id := ""
	if g, err := user.LookupGroup(name); err == nil {
		id = g.Gid
	} else if out, err := exec.Command("getent", "group", "--", name).Output(); err == nil {
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

// isSelf reports whether rota, not being root, runs as this account anyway.
func (a *account) isSelf() bool {
	return a != nil && os.Getuid() != 0 && int(a.uid) == os.Getuid() && int(a.gid) == os.Getgid()
}
