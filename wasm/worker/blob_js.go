package worker

import (
	"fmt"
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

// blobFile is a Blob that is read a slice at a time, which is all of it that is in
// memory.
type blobFile struct {
	value safejs.Value
	size  int64
}

func openBlob(value safejs.Value) (*blobFile, error) {
	blobType, err := safejs.Global().Get("Blob")
	if err != nil {
		return nil, err
	}
	if is, err := value.InstanceOf(blobType); err != nil || !is {
		return nil, fmt.Errorf("beside a command may be a file, not a value of type %v", value.Type())
	}
	size, err := value.Get("size")
	if err != nil {
		return nil, err
	}
	n, err := size.Float()
	return &blobFile{value, int64(n)}, err
}

// Size implements export.File.
func (b *blobFile) Size() int64 { return b.size }

// ReadAt implements io.ReaderAt.
func (b *blobFile) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= b.size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), b.size-at)
	slice, err := b.value.Call("slice", at, at+n)
	if err != nil {
		return 0, thrown(err)
	}
	promise, err := slice.Call("arrayBuffer")
	if err != nil {
		return 0, thrown(err)
	}
	buffer, err := await(promise)
	if err != nil {
		return 0, thrown(err)
	}
	arrayType, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return 0, err
	}
	array, err := arrayType.New(buffer)
	if err != nil {
		return 0, thrown(err)
	}
	read, err := safejs.CopyBytesToGo(p[:n], array)
	if err == nil && read < len(p) {
		err = io.EOF
	}
	return read, thrown(err)
}

func newBlob(parts []any) (safejs.Value, error) {
	constructor, err := safejs.Global().Get("Blob")
	if err != nil {
		return safejs.Value{}, err
	}
	return constructor.New(parts)
}
