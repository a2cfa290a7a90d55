package worker

import (
	"io"

	"github.com/hack-pad/safejs"
)

// postFile sends a text to the page, and beside it what write writes, as an array of
// both. A Blob is handed over without being copied, and lies outside of this program's
// memory, which never shrinks again.
func postFile(text string, write func(io.Writer) error) error {
	var b blob
	if err := write(&b); err != nil {
		return err
	}
	if err := b.flush(); err != nil {
		return thrown(err)
	}
	whole, err := newBlob(b.parts)
	if err != nil {
		return thrown(err)
	}
	_, err = safejs.Global().Call("postMessage", []any{text, whole})
	return thrown(err)
}

// partBytes is how much of a blob is in this program's memory.
const partBytes = 4 << 20

// blob is a Blob in the making, of Blobs.
type blob struct {
	buffer []byte
	parts  []any
}

// Write implements io.Writer.
func (b *blob) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), partBytes-len(b.buffer))
		b.buffer = append(b.buffer, rest[:n]...)
		rest = rest[n:]
		if len(b.buffer) == partBytes {
			if err := b.flush(); err != nil {
				return 0, thrown(err)
			}
		}
	}
	return len(p), nil
}

// flush makes a part of what is in the buffer.
func (b *blob) flush() error {
	if len(b.buffer) == 0 {
		return nil
	}
	bytes, err := bytesOf(b.buffer)
	if err != nil {
		return err
	}
	part, err := newBlob([]any{bytes})
	if err != nil {
		return err
	}
	b.parts, b.buffer = append(b.parts, part), b.buffer[:0]
	return nil
}

func newBlob(parts []any) (safejs.Value, error) {
	constructor, err := safejs.Global().Get("Blob")
	if err != nil {
		return safejs.Value{}, err
	}
	return constructor.New(parts)
}
