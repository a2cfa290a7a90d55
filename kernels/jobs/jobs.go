// Package jobs holds what a host and the devices that measure for it say to each
// other, and how a device does what it is asked.
//
// A host sends a [Job]: an architecture and how to measure it, never code. A device
// compiles the architecture itself, within limits of its own, runs the protocol of
// package measure and answers with a [Result]. Both are JSON, of a bounded size, and
// read strictly.
package jobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Version is that of the messages that this program writes, and the only one it reads.
const Version = 1

// MaxMessage bounds a message, in bytes: a measurement holds at most some thousand
// samples, and an architecture 256 layers.
const MaxMessage = 512 << 10

// Job asks for one measurement.
type Job struct {
	V     int    `json:"v"`
	Study string `json:"study"` // name
	Class string `json:"class"` // of the devices that the study is about
	// Number and Token are those of the trial.
	Number   int               `json:"trial"`
	Token    string            `json:"token"`
	Arch     arch.Architecture `json:"arch"`
	Workload trial.Workload    `json:"workload"`
	Protocol string            `json:"protocol"` // trial.Litefront or trial.LTS
	Code     string            `json:"code"`     // version of the program that is to measure
	// MemoryLimit bounds the module's linear memory, in bytes, and BudgetMs the time to
	// spend on it; a device has limits of its own beside them.
	MemoryLimit int64   `json:"memory_limit"`
	BudgetMs    float64 `json:"budget_ms"`
}

// ID names what the job measures: the same for equal architectures, workloads,
// protocols, classes and versions, whatever the study, trial or attempt.
func (j Job) ID() string {
	text, err := json.Marshal(struct {
		Arch     string         `json:"arch"`
		Workload trial.Workload `json:"workload"`
		Protocol string         `json:"protocol"`
		Class    string         `json:"class"`
		Code     string         `json:"code"`
	}{j.Arch.ID(), j.Workload, j.Protocol, j.Class, j.Code})
	if err != nil { // strings and integers only
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Options are those of the measuring protocol.
func (j Job) Options() measure.Options {
	o := measure.DefaultOptions()
	o.Protocol, o.Code, o.MemoryLimit = j.Protocol, j.Code, j.MemoryLimit
	o.Budget = time.Duration(j.BudgetMs * float64(time.Millisecond))
	return o
}

// Validate reports the first field that is out of range.
func (j Job) Validate() error {
	if err := version("job", j.V); err != nil {
		return err
	}
	if err := lines("job", "study", j.Study, "token", j.Token, "code", j.Code); err != nil {
		return err
	}
	if !IsName(j.Class) {
		return fmt.Errorf("job: class %.40q must be 1 to %d of a-z, 0-9 and -", j.Class, maxName)
	}
	if j.Number < 1 {
		return fmt.Errorf("job: trial %d must be at least 1", j.Number)
	}
	if !(j.BudgetMs > 0 && j.BudgetMs <= float64(time.Hour/time.Millisecond)) {
		return fmt.Errorf("job: budget_ms %v must be above 0 and at most an hour", j.BudgetMs)
	}
	if err := j.Options().Validate(); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	if err := j.Arch.Validate(); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	if err := j.Workload.ValidateFor(j.Arch); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	return nil
}

// Result answers a job: with a measurement, or with the reason why there is none.
type Result struct {
	V      int    `json:"v"`
	Job    string `json:"job"` // its ID
	Number int    `json:"trial"`
	Token  string `json:"token"`
	Device string `json:"device"` // ID of the device
	// Failure is one line; empty if there is a measurement.
	Failure     string             `json:"failure,omitempty"`
	Measurement *trial.Measurement `json:"measurement,omitempty"`
	// Logits is what [Checksum] gives; empty if the device does not tell.
	Logits string `json:"logits,omitempty"`
}

// Validate reports the first field that is out of range. What a measurement says is
// for the study and for package trust to judge.
func (r Result) Validate() error {
	if err := version("result", r.V); err != nil {
		return err
	}
	if err := lines("result", "job", r.Job, "token", r.Token); err != nil {
		return err
	}
	switch {
	case !IsName(r.Device):
		return fmt.Errorf("result: device %.40q must be 1 to %d of a-z, 0-9 and -", r.Device, maxName)
	case (r.Failure == "") == (r.Measurement == nil):
		return errors.New("result: one of failure and measurement must be there, and not both")
	case r.Failure != "":
		return lines("result", "failure", r.Failure)
	case r.Logits != "" && !isDigest(r.Logits):
		return fmt.Errorf("result: logits %.80q must be a SHA-256 in hexadecimal digits", r.Logits)
	}
	return nil
}

func isDigest(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha256.Size
}

// State is what a device tells of itself, every few seconds.
type State struct {
	V      int    `json:"v"`
	Device string `json:"device"`
	State  string `json:"state"`         // one of the states
	Job    string `json:"job,omitempty"` // ID of the one that it measures
	Done   int    `json:"done"`          // jobs that it measured since it started
	Failed int    `json:"failed"`        // jobs that it could not measure
	// Error is the last one, in a line; empty if there was none.
	Error string `json:"error,omitempty"`
	// Note says in a line why it is paused, or else what bears on what it measures.
	Note string `json:"note,omitempty"`
	// Slowdown is that of the last measurement, 0 before the first.
	Slowdown float64 `json:"slowdown,omitempty"`
}

// The states of a device.
const (
	Idle      = "idle"
	Measuring = "measuring"
	Paused    = "paused"
	Ended     = "ended" // it takes no more jobs
)

// Validate reports the first field that is out of range.
func (s State) Validate() error {
	if err := version("state", s.V); err != nil {
		return err
	}
	switch s.State {
	case Idle, Measuring, Paused, Ended:
	default:
		return fmt.Errorf("state: state %.40q must be %q, %q, %q or %q", s.State, Idle, Measuring, Paused, Ended)
	}
	switch {
	case !IsName(s.Device):
		return fmt.Errorf("state: device %.40q must be 1 to %d of a-z, 0-9 and -", s.Device, maxName)
	case s.Done < 0 || s.Failed < 0:
		return fmt.Errorf("state: done %d and failed %d must be at least 0", s.Done, s.Failed)
	case !(s.Slowdown >= 0 && s.Slowdown <= 1e6):
		return fmt.Errorf("state: slowdown %v must be between 0 and 1e6", s.Slowdown)
	}
	return optional("state", "job", s.Job, "error", s.Error, "note", s.Note)
}

// Order is what a host tells a device beside its jobs.
type Order struct {
	V  int    `json:"v"`
	Do string `json:"do"` // Quit
	// Reason is one line for people.
	Reason string `json:"reason"`
}

// Quit has a device take no more jobs.
const Quit = "quit"

// Validate reports the first field that is out of range.
func (o Order) Validate() error {
	if err := version("order", o.V); err != nil {
		return err
	}
	if o.Do != Quit {
		return fmt.Errorf("order: do %.40q must be %q", o.Do, Quit)
	}
	return lines("order", "reason", o.Reason)
}

// Hello is how a device introduces itself when it enrols.
type Hello struct {
	V int `json:"v"`
	// Token is that of an [Invitation]. A device that the host knows needs none.
	Token string `json:"token,omitempty"`
	Key   string `json:"key"`  // public nkey of a user, by which the device is known
	Name  string `json:"name"` // for people
	// Label tells devices apart that are alike; devices of another label have a study
	// of their own. It may be empty.
	Label    string           `json:"label,omitempty"`
	Device   trial.Device     `json:"device"`
	Features kernels.Features `json:"features"`
	Code     string           `json:"code"`
}

// Validate reports the first field that is out of range.
func (h Hello) Validate() error {
	if err := version("hello", h.V); err != nil {
		return err
	}
	if err := optional("hello", "token", h.Token, "cpu", h.Device.CPU); err != nil {
		return err
	}
	if err := lines("hello", "key", h.Key, "name", h.Name, "code", h.Code,
		"device name", h.Device.Name, "device os", h.Device.OS, "device arch", h.Device.Arch, "device engine", h.Device.Engine); err != nil {
		return err
	}
	switch {
	case len(h.Name) > maxDeviceName:
		return fmt.Errorf("hello: name of %d bytes; at most %d are allowed", len(h.Name), maxDeviceName)
	case h.Label != "" && !IsName(h.Label):
		return fmt.Errorf("hello: label %.40q must be 1 to %d of a-z, 0-9 and -", h.Label, maxName)
	case h.Device.Cores < 1 || h.Device.Cores > 1<<16:
		return fmt.Errorf("hello: cores %d must be between 1 and %d", h.Device.Cores, 1<<16)
	case len(h.Device.Features) > 32:
		return fmt.Errorf("hello: %d features; at most 32 are allowed", len(h.Device.Features))
	}
	for _, f := range h.Device.Features {
		if err := lines("hello", "feature", f); err != nil {
			return err
		}
	}
	return nil
}

// DeviceID is by what the device with a public key is known.
func DeviceID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

// Class names the class of a device: its label or its system, -gpu if a GPU measures,
// and a hash of what makes its times comparable with those of others. Equal boards that
// run the same version share a class.
func (h Hello) Class() string {
	d := h.Device
	kind := d.CPU
	if kind == "" { // a browser does not tell, but what model a phone is
		kind = d.Name
	}
	text, err := json.Marshal([]any{d.OS, d.Arch, kind, d.Cores, d.Engine, d.Features, h.Code, h.Features, h.Label})
	if err != nil { // strings and integers only
		return ""
	}
	sum := sha256.Sum256(text)
	name := h.Label
	if name == "" {
		name = d.OS + "-" + d.Arch
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	name = fmt.Sprintf("%.40s", name)
	if h.Features.GPU != nil {
		name += "-gpu"
	}
	return name + "-" + hex.EncodeToString(sum[:4])
}

// Welcome is what the host answers to a Hello.
type Welcome struct {
	V      int    `json:"v"`
	Device string `json:"device"` // ID
	Class  string `json:"class"`
	JWT    string `json:"jwt"` // the device's credentials, for its key alone
	// LeaseMs is for how long a job is a device's without a sign of life.
	LeaseMs int64 `json:"lease_ms"`
}

// Validate reports the first field that is out of range.
func (w Welcome) Validate() error {
	if err := version("welcome", w.V); err != nil {
		return err
	}
	switch {
	case !IsName(w.Device) || !IsName(w.Class):
		return fmt.Errorf("welcome: device %.40q and class %.40q must be 1 to %d of a-z, 0-9 and -", w.Device, w.Class, maxName)
	case w.LeaseMs < 100 || w.LeaseMs > int64(time.Hour/time.Millisecond):
		return fmt.Errorf("welcome: lease_ms %d must be between 100 and an hour", w.LeaseMs)
	case w.JWT == "" || len(w.JWT) > 16<<10:
		return errors.New("welcome: jwt must have 1 to 16384 bytes")
	}
	return nil
}

// Invitation is an address by which one device enrols, once, until it expires. The
// token, and the fingerprint of the host's authority where it serves by HTTPS of its
// own, are in the fragment, which browsers send to nobody:
// https://host:8443/#join=TOKEN&ca=SHA256.
type Invitation struct {
	V         int    `json:"v"`
	URL       string `json:"url"`
	ExpiresMs int64  `json:"expires_ms"` // Unix time, in milliseconds
	// Code draws the address as a QR code: its black modules as the path of an SVG that is
	// CodeSize wide and high, a unit to a module. It is empty where there is none.
	Code     string `json:"code,omitempty"`
	CodeSize int    `json:"code_size,omitempty"`
}

// Validate reports the first field that is out of range.
func (i Invitation) Validate() error {
	if err := version("invitation", i.V); err != nil {
		return err
	}
	switch isCode := func(r rune) bool { return strings.ContainsRune("0123456789 -MVHhvz", r) }; {
	case len(i.Code) > 64<<10 || strings.ContainsFunc(i.Code, func(r rune) bool { return !isCode(r) }):
		return errors.New("invitation: code must be a path of at most 65536 bytes")
	case i.CodeSize < 0 || i.CodeSize > 200 || (i.CodeSize == 0) != (i.Code == ""):
		return fmt.Errorf("invitation: code_size %d must be between 1 and 200, or 0 without a code", i.CodeSize)
	}
	return lines("invitation", "url", i.URL)
}

// Fleet is how a host's fleet is, for whoever watches.
type Fleet struct {
	V       int           `json:"v"`
	Study   string        `json:"study"`
	Classes []ClassState  `json:"classes"`
	Devices []DeviceState `json:"devices"`
	Dead    []DeadJob     `json:"dead"` // the last ones first
}

// ClassState is how the study is on one class of devices.
type ClassState struct {
	Class       string  `json:"class"`
	Measured    int     `json:"measured"`
	Failed      int     `json:"failed"`
	Outstanding int     `json:"outstanding"` // jobs in the queue or on a device
	LeftMs      float64 `json:"left_ms"`     // estimate of the time to the end; 0 if unknown
	Done        string  `json:"done,omitempty"`
}

// DeviceState is what the host knows of a device.
type DeviceState struct {
	Device string `json:"device"` // ID
	Name   string `json:"name"`
	Class  string `json:"class"`
	// State is what the device told last, "away" if it told nothing for some leases, or
	// "quarantined".
	State    string  `json:"state"`
	Job      string  `json:"job,omitempty"`
	Done     int     `json:"done"`
	Failed   int     `json:"failed"`
	Slowdown float64 `json:"slowdown,omitempty"`
	Error    string  `json:"error,omitempty"`
	Note     string  `json:"note,omitempty"`
	Reason   string  `json:"reason,omitempty"` // of the quarantine
	SeenMs   int64   `json:"seen_ms"`          // when it was heard last, Unix time in milliseconds
}

// The states of a device that the host finds out by itself.
const (
	Away        = "away"
	Quarantined = "quarantined"
)

// DeadJob is one that was handed out too often without an answer.
type DeadJob struct {
	Class  string `json:"class"`
	Number int    `json:"trial"`
	Arch   string `json:"arch"` // ID
	Reason string `json:"reason"`
}

// Validate reports the first field that is out of range.
func (f Fleet) Validate() error { return version("fleet", f.V) }

// Message is any of the messages.
type Message interface {
	Job | Result | State | Order | Hello | Welcome | Invitation | Fleet
	Validate() error
}

// Encode writes a message.
func Encode[M Message](m M) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err == nil && len(text) > MaxMessage {
		err = fmt.Errorf("message of %d bytes; at most %d are allowed", len(text), MaxMessage)
	}
	return text, err
}

// Decode reads a message that [Encode] wrote. Unknown fields, other versions, and what
// is out of range are refused.
func Decode[M Message](data []byte) (m M, err error) {
	if len(data) > MaxMessage {
		return m, fmt.Errorf("message of %d bytes; at most %d are allowed", len(data), MaxMessage)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return *new(M), fmt.Errorf("not a message: %.200s", err.Error())
	}
	if _, err := d.Token(); err != io.EOF {
		return *new(M), errors.New("not a message: something follows the JSON object")
	}
	if err := m.Validate(); err != nil {
		return *new(M), err
	}
	return m, nil
}

func version(of string, v int) error {
	if v != Version {
		return fmt.Errorf("%s: version %d is not supported; this program speaks %d", of, v, Version)
	}
	return nil
}

const (
	maxName       = 64
	maxDeviceName = 100 // in bytes
)

// IsName reports whether text may be part of a subject and of a file's name.
func IsName(text string) bool {
	return text != "" && len(text) <= maxName && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}

// maxText bounds the texts of a message, in bytes.
const maxText = 1000

// lines demands of fields, a name and a text each, that they are one line each.
func lines(of string, fields ...string) error {
	for i := 0; i+1 < len(fields); i += 2 {
		name, text := fields[i], fields[i+1]
		if text == "" || len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("%s: %s %.40q must be one line of 1 to %d bytes", of, name, text, maxText)
		}
	}
	return nil
}

// optional is lines for fields that may be empty.
func optional(of string, fields ...string) error {
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] != "" {
			if err := lines(of, fields[i], fields[i+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Line makes any text one line of a message.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), "?"))
	for len(text) > maxText {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	if text == "" {
		return "no reason given"
	}
	return text
}
