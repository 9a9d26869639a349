//go:build unix

package store

import (
	"os"
	"syscall"

	"nextquill/core/fault"
)

// lockFile ensures that only one process works in a folder. The operating system releases the lock
// when the process ends.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, storage(name, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New(fault.Storage, name, "", "another process is using this model").
			WithRemedy("wait until it is finished")
	}
	return func() { f.Close() }, nil
}
