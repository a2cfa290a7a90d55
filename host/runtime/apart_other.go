//go:build !linux

package runtime

// threadID is 0: the system's number of the calling thread is not known.
func threadID() int { return 0 }

// apart moves nothing: threads are where the system has them.
func apart([]int) (moved bool) { return false }
