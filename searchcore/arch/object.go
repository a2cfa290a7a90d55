package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// object is a JSON object read strictly: no key occurs twice, no value has
// another type than asked for. Its readers keep the first error in err and
// return zero values from then on, so that a caller checks once.
type object struct {
	keys   []string // in the order of the text
	values map[string]json.RawMessage
	err    error
}

// parseObject splits one JSON object into its members.
func parseObject(data []byte) (*object, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil { // all syntax, and data that trails
		return nil, fmt.Errorf("architecture: not valid JSON: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("architecture: %s must be a JSON object", clip(string(whole)))
	}
	o := &object{values: map[string]json.RawMessage{}}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("architecture: not valid JSON: %w", err)
		}
		key := token.(string) // the syntax was checked: inside an object a key comes first
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("architecture: not valid JSON: %w", err)
		}
		if o.has(key) {
			return nil, fmt.Errorf("architecture: key %q with value %s occurs twice, must occur once", clip(key), clip(string(value)))
		}
		o.keys = append(o.keys, key)
		o.values[key] = value
	}
	return o, nil
}

func (o *object) has(key string) bool {
	_, ok := o.values[key]
	return ok
}

// fail records that key's value is not what is allowed.
func (o *object) fail(key, allowed string) {
	if o.err == nil {
		o.err = fmt.Errorf("architecture: %s %s must be %s", key, clip(string(o.values[key])), allowed)
	}
}

// require records the first of keys that is absent.
func (o *object) require(keys ...string) {
	for _, key := range keys {
		if !o.has(key) && o.err == nil {
			o.err = fmt.Errorf("architecture: %s is missing, must be given", key)
		}
	}
}

// text reads a string.
func (o *object) text(key string) string {
	var value any
	if err := json.Unmarshal(o.values[key], &value); err == nil {
		if s, ok := value.(string); ok {
			return s
		}
	}
	o.fail(key, "a string")
	return ""
}

// integer reads a whole number, or returns absent if there is no such key.
// 32 bits hold every allowed value, on every platform.
func (o *object) integer(key string, absent int) int {
	value, ok := o.values[key]
	if !ok {
		return absent
	}
	n, err := parseInt(value)
	if err != nil {
		o.fail(key, "a 32-bit integer")
	}
	return n
}

// integers reads a list of whole numbers, or returns nil if there is no such key.
func (o *object) integers(key string) []int {
	value, ok := o.values[key]
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil || items == nil {
		o.fail(key, "a list of integers")
		return nil
	}
	list := make([]int, len(items))
	for i, item := range items {
		n, err := parseInt(item)
		if err != nil {
			o.fail(key, "a list of 32-bit integers")
			return nil
		}
		list[i] = n
	}
	return list
}

// perLayer reads one integer for all of n layers, or a list with one for each.
func (o *object) perLayer(key string, n int) []int {
	if !bytes.HasPrefix(o.values[key], []byte("[")) {
		return slices.Repeat([]int{o.integer(key, 0)}, n)
	}
	list := o.integers(key)
	if len(list) != n {
		o.fail(key, fmt.Sprintf("an integer or a list of %d, one for each of n_layer", n))
		return make([]int, n)
	}
	return list
}

func parseInt(value json.RawMessage) (int, error) {
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// clip shortens foreign text for an error message of one line.
func clip(s string) string {
	const most = 60
	short := false
	if len(s) > most {
		s, short = s[:most], true
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
	if short {
		s += "..."
	}
	return s
}
