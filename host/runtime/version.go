package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// CodeVersion names the program that is running, for its measurements: the
// commit that it was built from, with "+dirty" if files had changed, or, where
// the build recorded none, the hash of the binary.
var CodeVersion = sync.OnceValue(func() string {
	var revision, dirty string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && len(s.Value) >= 12:
				revision = s.Value[:12]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "+dirty"
			}
		}
	}
	if revision != "" && dirty == "" {
		return revision
	}
	hash, err := executableHash()
	switch {
	case err != nil:
		return "unknown"
	case revision == "":
		return "binary-" + hash
	}
	return revision + dirty + "-" + hash
})

// executableHash tells two builds apart whose commit does not.
func executableHash() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
