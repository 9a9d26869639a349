package store

import (
	"context"
	"io"
	"time"
)

// idleReader aborts a response that sends nothing for a while, so that it is requested again. A
// connection can be dead without either end noticing.
type idleReader struct {
	io.ReadCloser
	idle   time.Duration
	timer  *time.Timer
	cancel context.CancelFunc
}

func newIdleReader(body io.ReadCloser, idle time.Duration, cancel context.CancelFunc) *idleReader {
	return &idleReader{body, idle, time.AfterFunc(idle, cancel), cancel}
}

func (s *idleReader) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.timer.Reset(s.idle)
	return n, err
}

func (s *idleReader) Close() error {
	s.timer.Stop()
	s.cancel()
	return s.ReadCloser.Close()
}
