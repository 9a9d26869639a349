package store

import (
	"context"
	"io"
	"time"
)

// stalling breaks off an answer from which nothing comes for a while, so that it is asked for again: a connection can be dead without
// either end being told.
type stalling struct {
	io.ReadCloser
	idle   time.Duration
	timer  *time.Timer
	cancel context.CancelFunc
}

func newStalling(body io.ReadCloser, idle time.Duration, cancel context.CancelFunc) *stalling {
	return &stalling{body, idle, time.AfterFunc(idle, cancel), cancel}
}

func (s *stalling) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.timer.Reset(s.idle)
	return n, err
}

func (s *stalling) Close() error {
	s.timer.Stop()
	s.cancel()
	return s.ReadCloser.Close()
}
