package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// maxSize bounds in bytes a file that is read.
const maxSize = 16 << 20

// readFile returns the content of a regular file, unless somebody may change it
// who must not.
func readFile(path string, trust bool) ([]byte, error) {
	return readRegular(path, func(info fs.FileInfo) error { return distrusted(path, info, trust) })
}

// readRegular returns the content of a regular file, and not much more of it
// than maxSize. check has a look at the file before it is read.
func readRegular(path string, check func(fs.FileInfo) error) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err := check(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	return data, nil
}

// distrusted returns an error if somebody may change a file or folder who must
// not.
func distrusted(path string, info fs.FileInfo, trust bool) error {
	owner := info.Sys().(*syscall.Stat_t)
	if d := distrust(path, info.Mode(), owner.Uid, owner.Gid, os.Geteuid() == 0 && !trust); d != nil {
		return d
	}
	return nil
}

// untrusted is the error of a file or folder that others may change.
type untrusted struct {
	path string
	why  []string
	cure []string // commands to type
}

func (u *untrusted) Error() string {
	return u.path + ": " + strings.Join(u.why, ", ") + "; type: " + strings.Join(u.cure, " && ")
}

// distrust returns what is wrong with the owner and rights of a file or folder,
// nil if nothing is. Whoever can change the file can run what they like as rota's
// user; so nobody else may if strict, which is when rota is root.
func distrust(path string, mode fs.FileMode, uid, gid uint32, strict bool) *untrusted {
	u := &untrusted{path: path}
	what, name := "file", quoteShell(path)
	if mode.IsDir() {
		what = "folder"
	}
	if strict && uid != 0 {
		u.why = append(u.why, fmt.Sprintf("the %s belongs to uid %d, and rota runs as root", what, uid))
		u.cure = append(u.cure, "chown root "+name)
	}
	who := ""
	if strict && gid != 0 && mode&0o020 != 0 {
		u.why = append(u.why, fmt.Sprintf("gid %d may change the %s, and rota runs as root", gid, what))
		who = "g"
	}
	if mode&0o002 != 0 {
		u.why = append(u.why, "anybody may change the "+what)
		who += "o"
	}
	if who != "" {
		u.cure = append(u.cure, "chmod "+who+"-w "+name)
	}
	if u.why == nil {
		return nil
	}
	return u
}

// quoteShell returns a name as a shell has to be given it.
func quoteShell(name string) string {
	plain := func(r rune) bool { return r < 0x80 && (bare(byte(r)) || strings.ContainsRune("/.,:@%+=", r)) }
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// larger says that something has more bytes than it may have.
func larger(most int) string { return fmt.Sprintf("larger than %d MiB", most>>20) }

// read returns the text of a file without its byte order mark. The fault is
// about the file as a whole, such as that it has more than most bytes.
func (o Options) read(path string, most int) (text string, fault *Fault, err error) {
	read := o.Read
	if read == nil {
		read = func(path string) ([]byte, error) { return readFile(path, o.TrustFile) }
	}
	data, err := read(path)
	if u := (*untrusted)(nil); errors.As(err, &u) {
		return "", &Fault{Msg: strings.Join(u.why, ", "), Hint: "type: " + strings.Join(u.cure, " && ")}, nil
	}
	if err != nil {
		return "", nil, err
	}
	if len(data) > most {
		return "", &Fault{Msg: "the file is " + larger(most)}, nil
	}
	return strings.TrimPrefix(string(data), byteOrderMark), nil, nil
}
