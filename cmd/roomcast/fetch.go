package main

import (
	"log/slog"
	"net/netip"

	"roomcast/configs"
	"roomcast/ingest"
	"roomcast/ingest/pull"
	"roomcast/live"
	"roomcast/outbound"
	"roomcast/rooms"
	"roomcast/web/api"
)

// newDialer makes the only way out. open is asked once the listeners are up.
func newDialer(config configs.Config, open *api.Listeners) *outbound.Dialer {
	return outbound.NewDialer(outbound.Options{
		AllowPrivate: config.Outbound.AllowPrivate, Local: config.WebRTC.PublicIPs,
		Listeners: func() []outbound.Listener { return ownListeners(config, *open) },
	})
}

// ownListeners are the sockets of this process. Where the configuration leaves
// the port to the system, open says what it became.
func ownListeners(config configs.Config, open api.Listeners) (own []outbound.Listener) {
	add := func(a configs.Address, port int, takesBroadcasts bool) {
		if !a.On() {
			return
		}
		if port == 0 {
			port = a.Port()
		}
		host, err := netip.ParseAddr(a.Host())
		if err != nil {
			host = netip.IPv6Unspecified() // every interface; localhost is among them
		}
		if port > 0 {
			own = append(own, outbound.Listener{Address: netip.AddrPortFrom(host, uint16(port)), Ingest: takesBroadcasts})
		}
	}
	add(config.HTTP.Address, 0, false)
	add(config.Metrics.Address, 0, false)
	add(config.WebRTC.Address, 0, false)
	add(config.RTMP.Address, open.RTMPPort, true)
	if len(config.TLS.Domains) > 0 {
		add(config.TLS.ChallengeAddress, 0, false)
	}
	if config.TLS.On() {
		add(config.RTMPS.Address, open.RTMPSPort, true)
	}
	if config.RTSP.Address.On() {
		add(config.RTSP.Address, open.RTSPPort, true)
		add(config.RTSP.UDPAddress, 0, true)
		add(config.RTSP.UDPAddress, config.RTSP.UDPAddress.Port()+1, true) // RTCP
	}
	add(config.SRT.Address, open.SRTPort, true)
	return own
}

// fetchCameras keeps the pull sources of the rooms connected. stop ends what it
// watches; the connections end with the parts.
func fetchCameras(registry *rooms.Registry, gate *ingest.Gate, hub *live.Hub, dialer *outbound.Dialer, inside *parts, log *slog.Logger) (stop func()) {
	puller := pull.NewPuller(pull.Options{Rooms: registry, Gate: gate, Warnings: hub, Dialer: dialer, Log: log})
	unwatchRooms := registry.Watch(puller.RoomEvent)
	unwatchAir := hub.Watch(func(roomID string, s live.State) {
		by := ""
		if s.Publisher != nil {
			by = s.Publisher.Protocol
		}
		puller.OnAir(roomID, by)
	})
	inside.start("fetch cameras", puller.Run)
	return func() {
		unwatchAir()
		unwatchRooms()
	}
}
