package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"duly/internal/gateway/simulator"
)

// serve answers for a simulator over loopback HTTP until stop is called.
func serve(ctx context.Context, sim *simulator.Simulator) (url string, stop func() error, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: sim, ReadHeaderTimeout: slotTimeout}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() error {
		sim.Close()
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}
