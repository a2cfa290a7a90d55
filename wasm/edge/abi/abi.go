// Package abi is the contract between the edge guest and its host: what the
// guest reads, the functions it imports, what they answer and what it writes.
//
// Standard input holds one [Input] as JSON. Standard output carries the search's
// events, each a line as study.Encode writes it: those of the journal have a
// sequence number, and a write of one returns when the host has made it durable;
// a failed write is a failed append. Standard error carries the one line that
// says why the exit code is 1.
//
// The host module is called [Module]. Its functions, where texts and bytes are
// an address and a length in the guest's memory, results the address of a
// [Result], and statuses one of the constants below:
//
//	prepare(module, length, result i32) handle i32   negative: a status
//	run(handle, export, length, arg, reps, result i32) status i32
//	close(handle i32) status i32
//	now() i64
//
// They are a measure.Target on the host's side of the wall: prepare compiles
// and instantiates a module, run makes one measure.Call and also tells the
// program's measure.Footprint, now is the clock that run is timed by, in
// nanoseconds.
package abi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"structs"

	"litefront/kernels"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// Module is the name of the module that the guest imports from.
const Module = "litefront"

// What a guest may ask for at most.
const (
	MaxInput    = 128 << 20 // bytes of an Input: the journal of some 30,000 candidates
	MaxModule   = 4 << 20   // bytes of a module
	MaxPrograms = 16        // prepared and not closed
)

// The statuses. Except for OK and Interrupted the result says more.
const (
	OK          int32 = 0
	Failed      int32 = -1 // the call was refused, or trapped
	Lost        int32 = -2 // as measure.ErrLost: the engine is gone
	NoDevice    int32 = -3 // as measure.ErrDevice: the device is at fault
	Interrupted int32 = -4 // the search is to end now
)

// MaxError is the longest text of an error, in bytes.
const MaxError = 252

// Result is what prepare and run leave in the guest's memory, in little-endian
// order without padding.
type Result struct {
	_           structs.HostLayout
	ElapsedNs   int64 // of the call
	LinearBytes int64 // the program's footprint after the call
	RSSBytes    int64
	SubmitNs    int64
	ErrorLen    uint32 // of Error, what counts
	Error       [MaxError]byte
}

// SetError makes text the result's error, cut to what it holds.
func (r *Result) SetError(text string) {
	if len(text) > MaxError {
		text = strings.ToValidUTF8(text[:MaxError], "")
	}
	r.ErrorLen = uint32(copy(r.Error[:], text))
}

// ErrorText is the result's error.
func (r *Result) ErrorText() string {
	return string(r.Error[:min(r.ErrorLen, MaxError)])
}

// Input is the search that a guest is to run, and what it runs on.
type Input struct {
	Device   trial.Device     `json:"device"`
	Features kernels.Features `json:"features"`
	Request  search.Request   `json:"request"`
}

// ReadInput reads an Input to the end of r. Unknown fields, and anything after
// it, are refused.
func ReadInput(r io.Reader) (Input, error) {
	limited := &io.LimitedReader{R: r, N: MaxInput + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	var in Input
	err := d.Decode(&in)
	if err == nil {
		if _, err = d.Token(); err == nil {
			err = errors.New("something follows the JSON object")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	switch {
	case limited.N == 0:
		return Input{}, fmt.Errorf("input: longer than the limit of %d bytes", MaxInput)
	case err != nil:
		return Input{}, fmt.Errorf("input: %w", err)
	}
	return in, nil
}
