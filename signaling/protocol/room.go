package protocol

import "roomcast/rooms"

// Room is the public projection of a room: all that somebody inside sees of it.
type Room = rooms.PublicRoom
