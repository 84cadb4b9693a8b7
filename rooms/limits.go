package rooms

// Limits bound a room. A nil field is "none here".
type Limits struct {
	MaxParticipants    *int64 `json:"max_participants,omitempty" doc:"Seats, viewers included"`
	MaxPublishers      *int64 `json:"max_publishers,omitempty"`
	MaxDurationSeconds *int64 `json:"max_duration_seconds,omitempty" doc:"Of one run"`
	MaxStorageBytes    *int64 `json:"max_storage_bytes,omitempty"`
	MaxBitrateBps      *int64 `json:"max_bitrate_bps,omitempty"`
	MaxHeight          *int64 `json:"max_height,omitempty" doc:"Of pictures, in pixels"`
	MaxDestinations    *int64 `json:"max_destinations,omitempty"`
}

// SubscriptionLimits bound the rooms of a subscription, each and all together.
type SubscriptionLimits struct {
	Limits
	MaxRooms                  *int64 `json:"max_rooms,omitempty"`
	MaxConcurrentParticipants *int64 `json:"max_concurrent_participants,omitempty" doc:"In all rooms of the subscription together"`
}

// The sources of a limit.
const (
	SourceRoom         = "room"
	SourceSubscription = "subscription"
	SourceServer       = "server"
)

// limitField names one limit and finds it in a Limits.
type limitField struct {
	name string
	at   func(*Limits) **int64
}

var limitFields = []limitField{
	{"max_participants", func(l *Limits) **int64 { return &l.MaxParticipants }},
	{"max_publishers", func(l *Limits) **int64 { return &l.MaxPublishers }},
	{"max_duration_seconds", func(l *Limits) **int64 { return &l.MaxDurationSeconds }},
	{"max_storage_bytes", func(l *Limits) **int64 { return &l.MaxStorageBytes }},
	{"max_bitrate_bps", func(l *Limits) **int64 { return &l.MaxBitrateBps }},
	{"max_height", func(l *Limits) **int64 { return &l.MaxHeight }},
	{"max_destinations", func(l *Limits) **int64 { return &l.MaxDestinations }},
}

// resolveLimits returns the smallest of each limit and whose it is; a limit
// nobody sets is in neither.
func resolveLimits(room, subscription, server Limits) (Limits, map[string]string) {
	var out Limits
	sources := map[string]string{}
	for _, f := range limitFields {
		for _, c := range []struct {
			from   *Limits
			source string
		}{{&room, SourceRoom}, {&subscription, SourceSubscription}, {&server, SourceServer}} {
			value, best := *f.at(c.from), f.at(&out)
			if value != nil && (*best == nil || *value < **best) {
				*best, sources[f.name] = value, c.source
			}
		}
	}
	return out, sources
}
