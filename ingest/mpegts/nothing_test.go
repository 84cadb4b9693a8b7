package mpegts

import (
	"roomcast/ingest"
	"roomcast/media"
)

// nothing is a sink that forgets.
type nothing struct{}

func (nothing) SetTracks([]*media.Track) error { return nil }
func (nothing) Write(ingest.Sample) error      { return nil }
func (nothing) Close()                         {}
