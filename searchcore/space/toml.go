package space

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxTOMLBytes bounds the size of a space's TOML text.
const MaxTOMLBytes = 1 << 20

// ParseTOML reads a space from TOML text. Its keys are the toml tags of
// [Space]; a gene's values are a number, a list, or a table:
//
//	name = "small"
//	arch_type = "gpt2"
//	vocab_size = 50257
//	max_sequence_length = 1024
//	n_layer = {min = 2, max = 12}
//	d_model = {min = 128, max = 512, step = 64}
//	d_inner = [512, 1024, 2048]
//	n_head = 4
//	max_decoder_params = 20_000_000
//
// Unknown keys are refused, and so is what [Space.Validate] refuses. An error is a
// [*Mistake].
func ParseTOML(data []byte) (Space, error) {
	text := string(data)
	if len(text) > MaxTOMLBytes {
		return Space{}, &Mistake{Text: fmt.Sprintf("%d bytes of TOML; at most %d are allowed", len(text), MaxTOMLBytes)}
	}
	var s Space
	meta, err := toml.Decode(text, &s)
	if err != nil {
		return Space{}, decoderMistake(err)
	}
	// Not only what was left undecoded: the decoder also accepts keys that differ
	// in case, which other readers of the file would not.
	allowed := tomlKeys()
	for _, key := range meta.Keys() {
		if !slices.Contains(allowed, key[0]) {
			return Space{}, &Mistake{lineOf(text, key[0]), fmt.Sprintf("unknown key %q; allowed are %s", key[0], strings.Join(allowed, ", "))}
		}
	}
	if err := s.Validate(); err != nil {
		return Space{}, spaceMistake(text, err)
	}
	return s, nil
}

func tomlKeys() []string {
	var keys []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Space]()) {
		keys = append(keys, field.Tag.Get("toml"))
	}
	return keys
}

// TOML writes s as [ParseTOML] reads it. A gene with evenly spaced values is a
// number or {min, max, step}; what is zero is left out. An error says that s is
// not valid.
func (s Space) TOML() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fields := reflect.ValueOf(s)
	for i, key := range tomlKeys() {
		field := fields.Field(i)
		if field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 {
			continue
		}
		if c, ok := field.Interface().(Choices); ok {
			fmt.Fprintf(&b, "%s = %s\n", key, c.toml())
			continue
		}
		line, err := toml.Marshal(map[string]any{key: field.Interface()})
		if err != nil {
			return nil, fmt.Errorf("space: %s: %w", key, err)
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}
