package arch

import (
	"crypto/sha256"
	"encoding/hex"
)

// ID names what a computes: the first 16 bytes of the SHA-256 of its canonical
// JSON, in 32 lower-case hexadecimal digits. It is the same on every machine and
// in every version, and equal for all spellings of one architecture.
func (a Architecture) ID() string {
	data, _ := a.MarshalJSON() // numbers and a string: always encodable
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}
