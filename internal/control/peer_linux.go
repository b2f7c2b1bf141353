package control

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"rota/internal/api"
)

// peer is the process at the other end of a socket, with its credentials at the connect.
type peer struct {
	uid    uint32
	groups []uint32
	err    error // why the credentials are not known
}

// peers determines the rights of the peers of a unix socket.
type peers struct {
	self  uint32  // the user of this process
	group *uint32 // the group whose members may do everything; nil: none

	names sync.Map // names that getent returned, by uid; bounded by the users of this machine
}

// caller returns the peer as a caller, with its rights and those of the run whose token it sends.
func (p *peers) caller(r *http.Request, tokenOf TokenOf, owner Owner) (api.Caller, error) {
	at, _ := r.Context().Value(connKey{}).(peer)
	c, err := p.withoutToken(at, owner)
	if err != nil {
		return api.Caller{}, err
	}
	value, given := tokenIn(r)
	if !given {
		return c, nil
	}
	run, ok := runCaller(value, tokenOf)
	switch {
	case ok:
		return api.Caller{Who: run.Who, Account: c.Who, Own: c.Own, Grants: append(c.Grants, run.Grants...), Credential: run.Credential}, nil
	case p.all(at): // needs no token, and may send the token of a run that has ended
		return c, nil
	}
	return api.Caller{}, errWrongToken
}

// withoutToken returns a peer that sends no token as a caller, with its rights.
func (p *peers) withoutToken(at peer, owner Owner) (api.Caller, error) {
	if at.err != nil {
		return api.Caller{}, api.Errorf(api.Failed, "", "cannot determine the user of the client: %v", at.err)
	}
	name, number := p.name(at.uid), strconv.Itoa(int(at.uid))
	c := api.Caller{Who: name, Own: p.own(at)}
	if p.all(at) {
		c.Grants = []api.Grant{{May: api.MayControl}}
		return c, nil
	}
	is := func(user string) bool { return user != "" && (user == name || user == number) }
	c.Grants = []api.Grant{{
		May: api.MayOwn,
		Tasks: func(task string) bool {
			user, ok := owner(task)
			return ok && is(user)
		},
		Run: api.RunsAs(is),
	}}
	return c, nil
}

// own reports whether a peer is root or the user that rota runs as.
func (p *peers) own(at peer) bool { return at.err == nil && (at.uid == 0 || at.uid == p.self) }

// all reports whether a peer may do everything.
func (p *peers) all(at peer) bool {
	return at.uid == 0 || at.uid == p.self || p.group != nil && slices.Contains(at.groups, *p.group)
}

// name returns the name of a user, or its number if it has none.
func (p *peers) name(uid uint32) string {
	if name, ok := p.names.Load(uid); ok {
		return name.(string)
	}
	id := strconv.Itoa(int(uid))
	name := "uid " + id
	if u, err := user.LookupId(id); err == nil {
		return u.Username // the file may change
	} else if out, err := exec.Command("getent", "passwd", "--", id).Output(); err == nil {
		name, _, _ = strings.Cut(string(out), ":")
	}
	p.names.Store(uid, name)
	return name
}

// groupID returns the number of a group; nil for "".
func groupID(name string) (*uint32, error) {
	if name == "" {
		return nil, nil
	}
	id := name
	if g, err := user.LookupGroup(name); err == nil {
		id = g.Gid
	} else if out, err := exec.Command("getent", "group", "--", name).Output(); err == nil {
		if f := strings.Split(string(out), ":"); len(f) > 2 {
			id = f[2]
		}
	}
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return nil, api.Errorf(api.Usage, "groupadd --system "+name+", or change socket_group in [rota]", "no group %q on this machine", name)
	}
	gid := uint32(n)
	return &gid, nil
}

// peerOf asks the kernel who is at the other end of a connection.
func peerOf(c net.Conn) peer {
	if b, ok := c.(*countedConn); ok {
		c = b.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return peer{err: fmt.Errorf("a %T has no peer", c)}
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return peer{err: err}
	}
	var p peer
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			p.err = err
			return
		}
		p.uid = cred.Uid
		p.groups, p.err = peerGroups(fd)
		p.groups = append(p.groups, cred.Gid)
	})
	p.err = cmp.Or(p.err, err)
	return p
}

// maxGroups is how many groups a process can have; see NGROUPS_MAX.
const maxGroups = 65536

// peerGroups returns the supplementary groups of the peer of a socket.
func peerGroups(fd uintptr) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case errors.Is(errno, unix.ERANGE) && int(size/4) > len(groups) && size/4 <= maxGroups:
			groups = make([]uint32, size/4)
		default:
			return nil, fmt.Errorf("SO_PEERGROUPS: %w", errno)
		}
	}
}
