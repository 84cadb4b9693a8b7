package rooms

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Chat is what is stored of a room's chat. What an event and the state say is
// signaling's matter.
type Chat struct {
	Events []ChatEvent // by rising Seq
	State  []byte      // JSON; empty when none was saved
	Ended  string      // the run that ended last, "" if none did: the chat begins behind it
}

// ChatEvent is one numbered thing that happened in a chat.
type ChatEvent struct {
	Seq  int64
	Body []byte // JSON
}

// ChatChange is what is to be stored of a room's chat.
type ChatChange struct {
	RoomID string
	// From is the first number that is kept: what is stored below it goes.
	From int64
	// Events are added, or take the place of those with their number.
	Events []ChatEvent
	// State takes the place of the one stored; nil leaves it.
	State []byte
	// Ended is the run that the chat begins behind. If another one has ended since, the chat is over.
	Ended string
}

// ErrChatEnded is a change of a chat whose run has ended: it is not stored.
var ErrChatEnded = errors.New("the chat's run has ended")

const (
	settingChatNumbers = "chat_numbers"
	// chatNumbersPerStart is how many numbers a start of the server takes for
	// each chat: more than are used before the next, so that no number that a
	// client was told is given again, written or not. Numbers stay below 2^53,
	// which JavaScript holds, for two million starts.
	chatNumbersPerStart = 1 << 32
)

// Chats keeps the rooms' chats in a Store.
type Chats struct {
	store Store
	first int64
}

// OpenChats takes the numbers for the chats of this start of the server.
func OpenChats(ctx context.Context, store Store) (*Chats, error) {
	c := &Chats{store: store}
	err := store.Update(ctx, func(tx Writer) error {
		value, err := tx.Setting(ctx, settingChatNumbers)
		switch {
		case errors.Is(err, ErrNotStored):
			// Above what servers gave before chats were stored: theirs began at the time of day.
			c.first = time.Now().UnixMilli()
		case err != nil:
			return err
		default:
			last, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				return fmt.Errorf("read the numbers: %w", err)
			}
			c.first = last + chatNumbersPerStart
		}
		return tx.SetSetting(ctx, settingChatNumbers, strconv.AppendInt(nil, c.first, 10))
	})
	if err != nil {
		return nil, fmt.Errorf("open the chats: %w", err)
	}
	return c, nil
}

// First is a number above all that were given before this start of the server.
func (c *Chats) First() int64 { return c.first }

// Chat returns what is stored of a room's chat, which may be nothing.
func (c *Chats) Chat(ctx context.Context, roomID string) (Chat, error) {
	return c.store.Chat(ctx, roomID)
}

// Save stores changes of several chats by one commit. Those of rooms that are
// gone are left out; so are those of chats that are over, whose rooms it returns.
func (c *Chats) Save(ctx context.Context, changes []ChatChange) (over []string, err error) {
	err = c.store.Update(ctx, func(tx Writer) error {
		over = nil // it may be tried again
		for _, change := range changes {
			err := tx.SaveChat(ctx, change)
			switch {
			case errors.Is(err, ErrChatEnded):
				over = append(over, change.RoomID)
			case err != nil && !errors.Is(err, ErrNotStored):
				return err
			}
		}
		return nil
	})
	return over, err
}
