package runtime

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// threadID is the system's number of the calling thread.
func threadID() int { return unix.Gettid() }

// apart gives those of the threads that share a core with one before them a core of
// their own, and reports whether there were any. It leaves them free to go elsewhere.
func apart(threads []int) (moved bool) {
	var allowed, taken unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil {
		return false
	}
	for _, id := range threads {
		core, ok := coreOf(id)
		if !ok {
			return moved
		}
		if taken.IsSet(core) {
			free := allowed
			for i := range taken {
				free[i] &^= taken[i]
			}
			// Where it may not be any more, the system takes it away at once.
			if free.Count() == 0 || unix.SchedSetaffinity(id, &free) != nil {
				return moved
			}
			_ = unix.SchedSetaffinity(id, &allowed) // as it was a moment ago
			if core, ok = coreOf(id); !ok {
				return moved
			}
			moved = true
		}
		taken.Set(core)
	}
	return moved
}

// coreOf is the number of the core that a thread of this process is on. Package os would
// have other goroutines use the time that a file takes, and this one wait for its turn.
func coreOf(id int) (core int, ok bool) {
	file, err := unix.Open("/proc/self/task/"+strconv.Itoa(id)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(file)
	stat := make([]byte, 1024)
	n, err := unix.Read(file, stat)
	if err != nil {
		return 0, false
	}
	// The name, the second field, may have anything in it; the core is the 39th.
	stat = stat[:n]
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 37 {
		return 0, false
	}
	core, err = strconv.Atoi(string(fields[36]))
	return core, err == nil
}
