package web

import (
	"context"
	"time"

	"roomcast/live"
	"roomcast/rooms"
)

const (
	// censusTimeout bounds a count; a scrape would not wait longer.
	censusTimeout = 5 * time.Second
	// censusPages bounds it in size: 200 rooms each.
	censusPages = 500
)

// Counted is what a census asks.
type Counted struct {
	Rooms interface {
		Rooms(ctx context.Context, f rooms.RoomFilter) (rooms.Page[rooms.View], error)
	}
	Seats interface{ Viewers(roomID string) int }
	Media interface {
		State(roomID string) live.State
	}
}

// NewCensus makes the count of what goes on now, for Options.Census. A room that cannot be read is not counted.
func NewCensus(c Counted) func(context.Context) Census {
	return func(ctx context.Context) Census {
		census := Census{ActiveRooms: map[string]int{}, Participants: map[string]int{}, Broadcasts: map[string]int{}}
		for _, t := range []rooms.Type{rooms.Meet, rooms.Live, rooms.Simulcast, rooms.Video} {
			census.ActiveRooms[string(t)], census.Participants[string(t)] = 0, 0
		}
		for _, phase := range []live.Phase{live.Preview, live.Live, live.Interrupted, live.Ended} {
			census.Broadcasts[string(phase)] = 0
		}
		filter := rooms.RoomFilter{Status: rooms.StatusActive, Limit: 200}
		for range censusPages {
			page, err := c.Rooms.Rooms(ctx, filter)
			if err != nil {
				return census
			}
			for _, room := range page.Items {
				census.ActiveRooms[string(room.Type)]++
				census.Participants[string(room.Type)] += c.Seats.Viewers(room.ID)
				if !room.Type.Broadcasts() {
					continue
				}
				if phase := c.Media.State(room.ID).State; phase != live.Waiting {
					census.Broadcasts[string(phase)]++
				}
			}
			if filter.Cursor = page.NextCursor; filter.Cursor == "" {
				break
			}
		}
		return census
	}
}
