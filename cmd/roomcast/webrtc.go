package main

import (
	"fmt"
	"log/slog"

	"roomcast/configs"
	"roomcast/ingest"
	"roomcast/ingest/whip"
	"roomcast/rtcport"
	"roomcast/sfu"
)

// webRTC is the WebRTC port and the two that share it.
type webRTC struct {
	port       *rtcport.Port
	meetings   *sfu.SFU
	publishers *whip.Server
}

// openWebRTC opens the port; nil when it is off.
func openWebRTC(config configs.Config, gate *ingest.Gate, log *slog.Logger) (*webRTC, error) {
	if !config.WebRTC.Address.On() {
		return nil, nil //nolint:nilnil // off is not an error
	}
	ips := make([]string, len(config.WebRTC.PublicIPs))
	for i, ip := range config.WebRTC.PublicIPs {
		ips[i] = ip.String()
	}
	address := config.WebRTC.Address.String()
	port, err := rtcport.Open(rtcport.Options{UDPAddress: address, TCPAddress: address, PublicIPs: ips, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open webrtc.address: %w", err)
	}
	return &webRTC{
		port: port, meetings: sfu.New(sfu.Options{Port: port, Log: log}),
		publishers: whip.NewServer(whip.Options{Port: port, Gate: gate, Log: log}),
	}, nil
}

// sfu carries the meetings; nil without WebRTC.
func (w *webRTC) sfu() *sfu.SFU {
	if w == nil {
		return nil
	}
	return w.meetings
}

// close ends what goes over the port, and then the port.
func (w *webRTC) close() error {
	w.publishers.Close()
	w.meetings.Close()
	return w.port.Close()
}
