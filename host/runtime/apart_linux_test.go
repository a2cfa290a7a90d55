package runtime

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// coreSet is a set of cores.
func coreSet(cores ...int) *unix.CPUSet {
	s := &unix.CPUSet{}
	for _, c := range cores {
		s.Set(c)
	}
	return s
}

// TestApart puts two busy threads on one core and on two.
func TestApart(t *testing.T) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	var cores []int
	for c := 0; len(cores) < allowed.Count(); c++ {
		if allowed.IsSet(c) {
			cores = append(cores, c)
		}
	}
	if len(cores) < 2 {
		t.Skip("one core cannot be shared in vain")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2)) // both run all the time
	var done atomic.Bool
	defer done.Store(true)
	ids := make(chan int)
	for range 2 {
		go func() {
			runtime.LockOSThread() // and ends with it, whatever cores it may use
			ids <- threadID()
			for !done.Load() {
			}
		}()
	}
	threads := []int{<-ids, <-ids}
	put := func(first, second int) {
		t.Helper()
		for i, core := range []int{first, second} {
			if err := unix.SchedSetaffinity(threads[i], coreSet(core)); err != nil {
				t.Skip("threads may not be moved here: ", err)
			}
			for deadline := time.Now().Add(10 * time.Second); ; { // it goes there once it runs
				got, ok := processorOf(threads[i])
				if ok && got == core {
					break
				}
				if !ok || time.Now().After(deadline) {
					t.Fatalf("thread %d is on core %d, %v; it may be on %d alone", i, got, ok, core)
				}
			}
		}
	}

	put(cores[0], cores[1])
	if apart(threads) {
		t.Error("threads on two cores were moved")
	}
	// The second one may go, and the system may be the first to have it go.
	for deadline := time.Now().Add(10 * time.Second); ; {
		put(cores[1], cores[1])
		if err := unix.SchedSetaffinity(threads[1], &allowed); err != nil {
			t.Fatal(err)
		}
		if apart(threads) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("threads on one core were left there")
		}
	}
	for i, want := range []*unix.CPUSet{coreSet(cores[1]), &allowed} {
		var got unix.CPUSet
		if err := unix.SchedGetaffinity(threads[i], &got); err != nil || got != *want {
			t.Errorf("thread %d may use %d cores now, %v; want %d", i, got.Count(), err, want.Count())
		}
	}
	if apart([]int{threads[0], 0}) {
		t.Error("a thread that there is not was moved")
	}
}
