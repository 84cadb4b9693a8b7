package sfu

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/pion/webrtc/v4"

	"roomcast/rtcport"
)

// Options are what an SFU needs.
type Options struct {
	// Port is where media arrives; it must outlive the SFU.
	Port *rtcport.Port
	// Log receives what an operator may want to know; nil discards it.
	Log *slog.Logger
}

// SFU is the meetings of a server. Its methods are safe for concurrent use.
type SFU struct {
	log      *slog.Logger
	settings webrtc.SettingEngine

	mu     sync.Mutex
	closed bool
	rooms  map[*Room]struct{}

	conns sync.WaitGroup // PeerConnections; added to under mu while not closed
}

// ErrClosed is the answer of a closed SFU, Room or Peer.
var ErrClosed = errors.New("sfu is closed")

// New makes an SFU without rooms.
func New(o Options) *SFU {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &SFU{log: o.Log, settings: o.Port.Settings(), rooms: map[*Room]struct{}{}}
}

// Close ends every room; it returns when nothing of them runs any more. The port stays open.
func (s *SFU) Close() {
	s.mu.Lock()
	s.closed = true
	rooms := make([]*Room, 0, len(s.rooms))
	for r := range s.rooms {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	for _, r := range rooms {
		r.Close()
	}
	s.conns.Wait()
}

// hold counts a connection that is being made; false when the SFU is closed.
func (s *SFU) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns.Add(1)
	return true
}
