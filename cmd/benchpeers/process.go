package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"time"

	"nextquill/core/fault"
)

// process is a program that answers each line of JSON with a line of JSON.
type process struct {
	name   string // as its first line says
	device string // as well; "" if it does not
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
}

// start starts a program, sends it the lines of setup, and waits until it is ready.
func start(ctx context.Context, dir string, env []string, setup any, name string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Dir, p.cmd.Stderr = dir, os.Stderr
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.WaitDelay = 5 * time.Second
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, fault.New(fault.Missing, name, "", "cannot be started").WithCause(err).
			WithRemedy("install it")
	}
	var ready struct {
		Ready  string `json:"ready"`
		Device string `json:"device"`
	}
	if setup != nil {
		err = p.ask(setup, &ready)
	} else {
		err = p.read(&ready)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.name, p.device = ready.Ready, ready.Device
	return p, nil
}

// ask sends a request and reads its answer.
func (p *process) ask(request, answer any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return fault.New(fault.Internal, p.name, "", "has ended").WithCause(err)
	}
	return p.read(answer)
}

func (p *process) read(answer any) error {
	if !p.out.Scan() {
		return fault.New(fault.Internal, p.name, "", "has ended without an answer").WithCause(p.out.Err()).
			WithRemedy("its messages are above")
	}
	if err := json.Unmarshal(p.out.Bytes(), answer); err != nil {
		return fault.New(fault.Malformed, p.name, "", "answers %s", fault.Quote(p.out.Text())).WithCause(err)
	}
	return nil
}

func (p *process) close() {
	p.in.Close()
	_ = p.cmd.Wait() // it may have been killed by the context
}
