package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/nats-io/nkeys"

	"litefront/host/filelock"
	"litefront/host/wholefile"
)

// identity is what a device keeps about a host: by what the host knows it, and by what
// it knows the host.
type identity struct {
	V    int    `json:"v"`
	Host string `json:"host"` // name or address, and port
	Seed string `json:"seed"` // of the device's key; nobody else's business
	// Root is the certificate that the host's chain must end in, as PEM; empty for the
	// system's roots.
	Root string `json:"root,omitempty"`
	// Known says that the host has enrolled the device.
	Known bool `json:"known"`

	path string
	key  nkeys.KeyPair
}

const (
	identityVersion = 1
	mostIdentity    = 256 << 10 // bytes of the file
	lockFile        = "lock"    // held while a device runs
)

// openIdentity reads the file about a's host in dir, or makes it. No other device
// with the same dir runs until unlock is called: two at once would disturb each
// other's measurements. Errors are one line that names the file.
func openIdentity(dir string, a Address) (_ *identity, unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	lock := filepath.Join(dir, lockFile)
	held, err := filelock.Open(lock, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, filelock.ErrInUse) {
		err = errors.New("another litefront device runs with this folder; end it, or give this one a folder of its own with --state")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("state %q: %w", dir, err)
	}
	path := filepath.Join(dir, a.file())
	id, err := readIdentity(path, a.Host)
	if errors.Is(err, fs.ErrNotExist) {
		id, err = newIdentity(path, a.Host)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("state %q: %w", path, err), held.Close())
	}
	return id, held.Close, nil
}

func newIdentity(path, host string) (*identity, error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, err
	}
	id := &identity{V: identityVersion, Host: host, Seed: string(seed), path: path, key: key}
	return id, id.save() // before the host hears of the key
}

func readIdentity(path, host string) (*identity, error) {
	info, err := os.Stat(path) // first: a pipe's end may never open
	switch {
	case err != nil:
		return nil, errors.Unwrap(err) // without the path, which callers know
	case !info.Mode().IsRegular():
		return nil, errors.New("not a file")
	case info.Size() > mostIdentity:
		return nil, fmt.Errorf("%d bytes long; at most %d are allowed", info.Size(), mostIdentity)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("others may read or write the device's key (mode %04o); if nobody has, chmod 600 helps, otherwise remove the file and enrol again", info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	id, err := parseIdentity(data)
	if err != nil {
		return nil, fmt.Errorf("damaged: %w; remove the file and enrol again", err)
	}
	if id.Host != host {
		return nil, fmt.Errorf("it is about host %q, not %q; remove the file and enrol again", id.Host, host)
	}
	id.path = path
	return id, nil
}

// parseIdentity reads what save has written. No error holds the seed.
func parseIdentity(data []byte) (*identity, error) {
	id := &identity{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(id); err != nil {
		return nil, errors.New("not the JSON that belongs there")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	if id.V != identityVersion {
		return nil, fmt.Errorf("version %d is not supported; this program reads %d", id.V, identityVersion)
	}
	var err error
	if id.key, err = nkeys.FromSeed([]byte(id.Seed)); err == nil {
		var public string
		if public, err = id.key.PublicKey(); err == nil && !nkeys.IsValidPublicUserKey(public) {
			err = errors.New("another kind")
		}
	}
	if err != nil {
		return nil, errors.New("seed is none of a user's nkey")
	}
	if id.Root != "" {
		if _, err := certificates([]byte(id.Root)); err != nil {
			return nil, fmt.Errorf("root: %w", err)
		}
	}
	return id, nil
}

// save writes the file, for its owner alone.
func (id *identity) save() error {
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return wholefile.WriteSecret(id.path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
