package study

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"litefront/searchcore/trial"
)

// MaxLine is the longest encoded event in bytes, without a line break.
const MaxLine = 4 << 20

// ErrDamaged is wrapped by the errors of [Decode] for bytes whose checksum is
// missing or wrong: a line that was torn or altered, as opposed to an intact
// one that this program does not understand.
var ErrDamaged = errors.New("damaged line")

// The checksum is the last field of a line: the CRC-32C, in eight hexadecimal
// digits, of the event's JSON object as it is without that field.
const (
	sumField  = `,"sum":"`
	sumLength = len(sumField) + 8 + len(`"}`)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode writes e as a journal keeps it: one JSON object on one line, without
// the line break, that begins {"v":1,"kind":… and ends with its checksum.
func Encode(e trial.Event) ([]byte, error) {
	object, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("event %q cannot be encoded: %w", e.Kind, err)
	}
	if n := len(object) - len("}") + sumLength; n > MaxLine {
		return nil, fmt.Errorf("event %q takes %d bytes, more than the limit of %d", e.Kind, n, MaxLine)
	}
	return seal(object), nil
}

// Decode reads one line that [Encode] wrote, without its line break. Damage is
// reported as [ErrDamaged]; unknown versions, kinds and fields are refused.
func Decode(line []byte) (trial.Event, error) {
	if len(line) > MaxLine {
		return trial.Event{}, fmt.Errorf("%w: longer than the limit of %d bytes", ErrDamaged, MaxLine)
	}
	object, err := unseal(line)
	if err != nil {
		return trial.Event{}, err
	}
	// The version comes first: another one may have fields unknown to this one.
	var version struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(object, &version); err != nil {
		return trial.Event{}, fmt.Errorf("not an event: %w", err)
	}
	if err := checkVersion(version.V); err != nil {
		return trial.Event{}, err
	}
	var e trial.Event
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return trial.Event{}, fmt.Errorf("not an event: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return trial.Event{}, errors.New("not an event: something follows the JSON object")
	}
	if err := checkPayload(e); err != nil {
		return trial.Event{}, err
	}
	return e, nil
}

// seal adds the checksum to a JSON object that has at least one field.
func seal(object []byte) []byte {
	line := bytes.TrimSuffix(object, []byte("}"))
	return fmt.Appendf(line[:len(line):len(line)], `%s%08x"}`, sumField, crc32.Checksum(object, castagnoli))
}

// unseal returns the JSON object that line was sealed from.
func unseal(line []byte) ([]byte, error) {
	cut := len(line) - sumLength
	if cut < 0 || !bytes.HasPrefix(line[cut:], []byte(sumField)) {
		return nil, fmt.Errorf("%w: no checksum at its end", ErrDamaged)
	}
	object := append(line[:cut:cut], '}')
	if !bytes.Equal(seal(object), line) {
		return nil, fmt.Errorf("%w: checksum does not match", ErrDamaged)
	}
	return object, nil
}

// checkVersion refuses every version but the one this program writes.
func checkVersion(v int) error {
	if v != trial.EventVersion {
		return fmt.Errorf("event version %d is not supported; this program reads version %d", v, trial.EventVersion)
	}
	return nil
}

// checkPayload demands that e carries the payload its kind names and no other.
func checkPayload(e trial.Event) error {
	payloads := []struct {
		kind trial.Kind
		set  bool
	}{
		{trial.KindStarted, e.Started != nil},
		{trial.KindAsked, e.Asked != nil},
		{trial.KindMeasured, e.Measured != nil},
		{trial.KindFailed, e.Failed != nil},
		{trial.KindSetting, e.Setting != nil},
		{trial.KindFrontier, e.Frontier != nil},
		{trial.KindPredicted, e.Predicted != nil},
		{trial.KindProgress, e.Progress != nil},
		{trial.KindDone, e.Done != nil},
		{trial.KindProfile, e.Profile != nil},
		{trial.KindRounds, len(e.Rounds) > 0},
		{trial.KindSustained, e.Sustained != nil},
	}
	known := false
	for _, p := range payloads {
		switch {
		case p.kind == e.Kind && !p.set:
			return fmt.Errorf("event %q lacks its payload", e.Kind)
		case p.kind != e.Kind && p.set:
			return fmt.Errorf("event %q carries the payload of %q", e.Kind, p.kind)
		}
		known = known || p.kind == e.Kind
	}
	if !known {
		return fmt.Errorf("event kind %q is unknown to version %d", e.Kind, trial.EventVersion)
	}
	return nil
}
