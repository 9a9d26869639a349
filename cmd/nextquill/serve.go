package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"nextquill/core/fault"
	"nextquill/edge/site"
)

type serveCmd struct {
	Site string `group:"serving" placeholder:"DIR" default:"dist" help:"Folder of the static site that make site writes. Default: dist."`
	Addr string `group:"serving" default:"127.0.0.1:8080" help:"Address to listen on. Port 0 selects a free port."`

	CrossOriginIsolation bool `group:"serving" help:"Add the COOP and COEP headers. NextQuill does not need them."`
}

func (serveCmd) Help() string {
	return `Serves the browser version on this machine and prints its address. Any static host can serve
the same folder.

  nextquill serve --addr 127.0.0.1:0`
}

// Run serves until it is interrupted.
func (c serveCmd) Run(ctx context.Context, a *app) error {
	if _, err := os.Stat(filepath.Join(c.Site, site.ManifestName)); err != nil {
		return fault.New(fault.Missing, c.Site, "", "there is no site in this folder").WithCause(err).
			WithRemedy("run make site first, or set the folder with --site")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fault.New(fault.Unsupported, c.Addr, "", "cannot listen on this address").WithCause(err).
			WithRemedy("choose another address with --addr")
	}
	server := &http.Server{Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(a.stdout, "http://%s/\n", listener.Addr())
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(grace) // connections that are still open are closed
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler serves the site and the models in its models/ folder.
func (c serveCmd) handler() http.Handler {
	folder := site.NewFolder(c.Site)
	return site.Handler{Files: folder, Models: site.NewModels(folder), CrossOriginIsolation: c.CrossOriginIsolation}
}
