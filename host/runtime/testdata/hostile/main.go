// Command hostile is a guest that breaks the contract, in the way that the name
// of the study says.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
	"litefront/wasm/edge/abi"
)

// The host's functions, with addresses that need not be any.

//go:wasmimport litefront prepare
func prepare(module, length, result uint32) int32

//go:wasmimport litefront run
func run(handle int32, export, length, arg, reps, result uint32) int32

//go:wasmimport litefront close
func closeProgram(handle int32) int32

//go:wasmimport litefront now
func now() int64

func main() {
	input, err := abi.ReadInput(os.Stdin)
	if err != nil {
		panic(err)
	}
	if how := input.Request.Name; ways[how] != nil {
		ways[how](input)
		return
	}
	panic("no such way")
}

var ways = map[string]func(abi.Input){
	"garbage": func(abi.Input) { fmt.Println("hello") },
	"plain": func(abi.Input) {
		fmt.Println(`{"v":1,"kind":"done","done":{"reason":"budget","measured":0,"failed":0}}`)
	},
	"empty line":   func(abi.Input) { fmt.Println() },
	"silent":       func(abi.Input) {},
	"torn":         func(abi.Input) { fmt.Print(line(progress())[:10]) },
	"endless line": func(abi.Input) { os.Stdout.Write(bytes.Repeat([]byte("x"), study.MaxLine+1)) },
	"skips":        func(in abi.Input) { fmt.Print(line(started(in, 2))) },
	"repeats":      func(in abi.Input) { fmt.Print(line(started(in, 1)), line(started(in, 1))) },
	"not kept":     func(in abi.Input) { fmt.Print(line(started(in, 0))) },
	"kept": func(abi.Input) {
		e := progress()
		e.Seq = 1
		fmt.Print(line(e))
	},
	"goes on":  func(abi.Input) { fmt.Print(line(done()), line(progress())) },
	"no study": func(abi.Input) { fmt.Print(line(setting(1)), line(done())) },
	"another study": func(in abi.Input) {
		e := started(in, 1)
		e.Started.Seed++
		fmt.Print(line(e))
	},
	"no event of the study": func(in abi.Input) {
		fmt.Print(line(started(in, 1)), line(setting(2)))
		fmt.Print(line(trial.Event{Kind: trial.KindFailed, Seq: 3, Failed: &trial.Failed{Number: 1, Token: "1.1", Reason: "r"}}))
	},
	"no event of an earlier study": func(in abi.Input) {
		fmt.Print(line(started(in, int64(len(in.Request.Journal)+1))))
	},
	"another frontier": func(in abi.Input) {
		fmt.Print(line(started(in, 1)))
		fmt.Print(line(trial.Event{Kind: trial.KindFrontier, Frontier: &trial.Frontier{Points: []trial.FrontierPoint{{Number: 1}}}}))
		os.Exit(3)
	},
	"exits":     func(abi.Input) { os.Exit(3) },
	"says none": func(abi.Input) { os.Exit(1) },
	"panics":    func(abi.Input) { panic("on purpose") },
	"greedy":    func(abi.Input) { bytes.Repeat([]byte("x"), 3<<30) },
	"calls":     calls,
	"memory":    memory,
	"deaf": func(abi.Input) { // what it measures never ends
		name, result := address("loop"), address(new(abi.Result))
		for {
			run(1, name, 4, 0, 1, result)
		}
	},
	"spins": func(in abi.Input) { // as often as the seed says
		for range in.Request.Setup.Seed {
			now()
		}
		fmt.Print(line(done()))
	},
	"clock": clock,
}

func line(e trial.Event) string {
	e.V = trial.EventVersion
	b, err := study.Encode(e)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func started(in abi.Input, seq int64) trial.Event {
	return trial.Event{Kind: trial.KindStarted, Seq: seq, Started: &trial.Started{Study: in.Request.Name, Code: in.Request.Code, Setup: in.Request.Setup}}
}

func progress() trial.Event {
	return trial.Event{Kind: trial.KindProgress, Progress: &trial.Progress{}}
}

func done() trial.Event {
	return trial.Event{Kind: trial.KindDone, Done: &trial.Done{Reason: "budget"}}
}

func setting(seq int64) trial.Event {
	return trial.Event{Kind: trial.KindSetting, Seq: seq, Setting: &trial.Setting{Name: "a", Value: "b"}}
}

// address is where something is that the garbage collector must not move: Go's
// moves nothing.
func address[T string | *abi.Result](of T) uint32 {
	switch of := any(of).(type) {
	case string:
		return uint32(uintptr(unsafe.Pointer(unsafe.StringData(of))))
	case *abi.Result:
		return uint32(uintptr(unsafe.Pointer(of)))
	}
	return 0
}

// calls makes calls that are wrong and says what each gave.
func calls(in abi.Input) {
	var said []string
	r := new(abi.Result)
	result := address(r)
	say := func(status int32) {
		said = append(said, strings.TrimSpace(strconv.Itoa(int(status))+" "+r.ErrorText()))
		*r = abi.Result{}
	}
	good, name, unknown := module(1), address("loop"), address("memory")
	const outside = 1<<32 - 16 // no Go guest has that much memory here

	say(prepare(outside, 64, result))
	say(prepare(outside, 8, result))
	say(prepare(address(good), 1<<32-1, result))
	say(prepare(address(good), abi.MaxModule+1, result))
	say(prepare(address(good), 0, result))
	say(prepare(name, 4, result))
	say(prepare(address(good), uint32(len(good)), outside))
	say(prepare(address(good), uint32(len(good)), 1<<32-1))

	say(run(1, name, 4, 0, 1, result)) // nothing is prepared
	for range abi.MaxPrograms {
		if handle := prepare(address(good), uint32(len(good)), result); handle <= 0 {
			say(handle)
		}
	}
	say(prepare(address(good), uint32(len(good)), result)) // one too many
	say(run(1, name, 4, 0, 1, result))                     // as it should be
	for _, handle := range []int32{0, -1, 99, 1<<31 - 1, -1 << 31} {
		say(run(handle, name, 4, 0, 1, result))
	}
	say(run(1, outside, 4, 0, 1, result))
	say(run(1, outside, 64, 0, 1, result))
	say(run(1, name, 1<<32-1, 0, 1, result))
	say(run(1, name, 0, 0, 1, result))
	say(run(1, unknown, 6, 0, 1, result))
	say(run(1, name, 4, 0, 1, outside))

	say(closeProgram(1))
	say(closeProgram(1))
	say(closeProgram(0))
	say(run(1, name, 4, 0, 1, result)) // closed
	fmt.Fprintln(os.Stderr, strings.Join(said, "; "))
	os.Exit(1)
}

// module is the smallest module there is with a memory of at most so many pages.
func module(pages uint64) string {
	memory := binary.AppendUvarint([]byte{1, 1, 0}, pages)
	return "\x00asm\x01\x00\x00\x00\x05" + string(rune(len(memory))) + string(memory) + "\x07\x0a\x01\x06memory\x02\x00"
}

// memory prepares modules until they have all the memory that there is, and says
// what each call gave.
func memory(in abi.Input) {
	var said []string
	r := new(abi.Result)
	prepare := func(pages uint64) int32 {
		m := module(pages)
		handle := prepare(address(m), uint32(len(m)), address(r))
		said = append(said, strings.TrimSpace(strconv.Itoa(int(handle))+" "+r.ErrorText()))
		*r = abi.Result{}
		return handle
	}
	candidate := uint64(in.Request.Setup.MemoryLimit >> 16)
	const sentinels = 1 + 1537
	prepare(1 << 16)
	prepare(candidate + sentinels + 1)
	all := prepare(candidate + sentinels)
	prepare(1)
	closeProgram(all)
	closeProgram(all) // gives nothing back
	prepare(candidate)
	prepare(sentinels)
	prepare(1)
	fmt.Fprintln(os.Stderr, strings.Join(said, "; "))
	os.Exit(1)
}

// clock says what the guest's own clocks say: the time of day, and how long
// many looks at them took, on its own clock and around that on the host's.
func clock(abi.Input) {
	day := time.Now().UnixNano()
	const looks = 1000
	before, start := now(), time.Now()
	last := start
	for range looks {
		last = time.Now()
	}
	inner := last.Sub(start).Nanoseconds()
	outer := now() - before
	fmt.Fprintln(os.Stderr, day, inner, outer)
	os.Exit(1)
}
