package runtime

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// threadID is the system's number of the calling thread.
func threadID() int { return unix.Gettid() }

// apart gives those of the threads that share a processor with one before them another
// one, and reports whether there were any and all were moved. They stay free to go on.
func apart(threads []int) (moved bool) {
	var taken unix.CPUSet
	for _, id := range threads {
		at, ok := processorOf(id)
		if ok && taken.IsSet(at) {
			if !move(id, taken) {
				return false
			}
			now, known := processorOf(id)
			moved, at, ok = now != at, now, known && now != at
		}
		if !ok {
			return false
		}
		taken.Set(at)
	}
	return moved
}

// move has a thread leave the processors that are taken, if it may use others.
func move(id int, taken unix.CPUSet) bool {
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(id, &allowed) != nil {
		return false
	}
	free := allowed
	for i := range taken {
		free[i] &^= taken[i]
	}
	// One that runs where it may not any more is taken away at once.
	return free.Count() > 0 && unix.SchedSetaffinity(id, &free) == nil && unix.SchedSetaffinity(id, &allowed) == nil
}

// processorOf is the number of the processor that a thread of this process is on. It
// asks with few calls, as those of package os take longer, in which Go lends this
// goroutine's turn to others.
func processorOf(id int) (n int, ok bool) {
	file, err := unix.Open("/proc/self/task/"+strconv.Itoa(id)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(file)
	stat := make([]byte, 1024)
	length, err := unix.Read(file, stat)
	if err != nil {
		return 0, false
	}
	// The name, the second field, may have anything in it; the processor is the 39th.
	stat = stat[:length]
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 37 {
		return 0, false
	}
	n, err = strconv.Atoi(string(fields[36]))
	return n, err == nil && n >= 0 && n < 64*len(unix.CPUSet{})
}
