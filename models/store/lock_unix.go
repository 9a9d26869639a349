//go:build unix

package store

import (
	"os"
	"syscall"

	"nextquill/core/fault"
)

// lockFile makes sure that one process at a time works in a folder. The system gives the lock back when the process ends, however
// it does.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, storage(name, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New(fault.Storage, name, "", "another process is at this model").WithRemedy("wait until it is done")
	}
	return func() { f.Close() }, nil
}
