package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"roomcast/rooms"
	"roomcast/secret"
)

const roomColumnNames = `id, name, type, description, moderator_token, participant_token,
	room_access_code, participant_access_code, moderator_access_code, features, metadata, limits,
	customer_id, subscription_id, suspended, starts_at, stream_key, backup_stream_key, srt_passphrase,
	pull_url, pull_transport, session_epoch, moderator_epoch, moderator_epoch_min,
	participant_epoch, participant_epoch_min, created_at, updated_at, revision`

// pull holds the two columns of a pull source while a room is read or written.
type pull struct{ url, transport string }

// roomColumns are roomColumnNames as arguments and as destinations.
func roomColumns(r *rooms.Room, p *pull) []any {
	return []any{
		&r.ID, &r.Name, &r.Type, &r.Description,
		secretColumn{&r.ModeratorToken},
		secretColumn{&r.ParticipantToken},
		optionalSecret{&r.RoomAccessCode},
		optionalSecret{&r.ParticipantAccessCode},
		optionalSecret{&r.ModeratorAccessCode},
		jsonColumn{&r.Features},
		jsonColumn{&r.Metadata},
		jsonColumn{&r.Limits},
		&r.CustomerID, &r.SubscriptionID, &r.Suspended,
		optionalTime{&r.StartsAt},
		optionalSecret{&r.StreamKey},
		optionalSecret{&r.BackupStreamKey},
		optionalSecret{&r.SRTPassphrase},
		textOrEmpty{&p.url},
		textOrEmpty{&p.transport},
		&r.Epochs.Session, &r.Epochs.Moderator, &r.Epochs.ModeratorMin, &r.Epochs.Participant, &r.Epochs.ParticipantMin,
		timeColumn{&r.CreatedAt},
		timeColumn{&r.UpdatedAt},
		&r.Revision,
	}
}

var (
	insertRoom = "INSERT INTO rooms (search, " + roomColumnNames + ") VALUES (" + marks(1+columnCount(roomColumnNames)) + ")"
	updateRoom = "UPDATE rooms SET search = ?, " + sets(roomColumnNames) + " WHERE id = ?"

	selectRecords = "SELECT " + qualified("r", roomColumnNames) + `,
		u.run_id, u.began_at, COALESCE(u.locked, 0), u.refuse_until,
		s.id, s.status, s.limits, s.starts_at, s.ends_at, c.status
		FROM rooms r
		LEFT JOIN room_runs u ON u.room_id = r.id
		LEFT JOIN subscriptions s ON s.id = r.subscription_id
		LEFT JOIN customers c ON c.id = r.customer_id`
)

// suspendedAt is rooms.Record's rule in SQL; it takes the time twice.
const suspendedAt = `(r.suspended = 1 OR COALESCE(c.status, 'active') <> 'active'
	OR COALESCE(s.status, 'active') <> 'active' OR COALESCE(s.starts_at > ?, 0) OR COALESCE(s.ends_at <= ?, 0))`

func scanRecord(row scanner) (rooms.Record, error) {
	var rec rooms.Record
	var p pull
	dest := append(roomColumns(&rec.Room, &p),
		textOrEmpty{&rec.Run.ID}, timeColumn{&rec.Run.BeganAt}, &rec.Run.Locked, optionalTime{&rec.Run.RefuseUntil},
		textOrEmpty{&rec.Plan.SubscriptionID}, textOrEmpty{&rec.Plan.SubscriptionStatus}, jsonColumn{&rec.Plan.Limits},
		optionalTime{&rec.Plan.StartsAt}, optionalTime{&rec.Plan.EndsAt}, textOrEmpty{&rec.Plan.CustomerStatus})
	if err := row.Scan(dest...); err != nil {
		return rooms.Record{}, err
	}
	if p.url != "" {
		rec.PullSource = &rooms.PullSource{URL: secret.New(p.url), Transport: p.transport}
	}
	return rec, nil
}

func pullOf(r rooms.Room) pull {
	if r.PullSource == nil {
		return pull{}
	}
	return pull{r.PullSource.URL.Reveal(), r.PullSource.Transport}
}

// searchText is what RoomQuery.Search looks into: one line a field, so that no
// search matches across two.
func searchText(r rooms.Room) string {
	return strings.ToLower(r.Name + "\n" + r.Description + "\n" + r.ID)
}

// Room implements rooms.Reader.
func (q queries) Room(ctx context.Context, id string) (rooms.Record, error) {
	rec, err := scanRecord(q.db.QueryRowContext(ctx, selectRecords+" WHERE r.id = ?", id))
	if err != nil {
		return rooms.Record{}, notStored("read a room", err)
	}
	return rec, nil
}

// RoomByCredential implements rooms.Reader.
func (q queries) RoomByCredential(ctx context.Context, sum rooms.Sum) (id string, kind rooms.CredentialKind, err error) {
	err = q.db.QueryRowContext(ctx, "SELECT room_id, kind FROM room_credentials WHERE sum = ?", sum[:]).Scan(&id, &kind)
	if err != nil {
		return "", "", notStored("find a room by a credential", err)
	}
	return id, kind, nil
}

// Rooms implements rooms.Reader.
func (q queries) Rooms(ctx context.Context, f rooms.RoomQuery) ([]rooms.Record, error) {
	var where conditions
	where.before("r.id", f.ListQuery)
	where.equal("r.type", string(f.Type))
	where.equal("r.customer_id", f.CustomerID)
	where.equal("r.subscription_id", f.SubscriptionID)
	if f.Search != "" {
		where.add("instr(r.search, ?) > 0", strings.ToLower(f.Search))
	}
	now := micros(f.Now)
	switch f.Status {
	case rooms.StatusSuspended:
		where.add(suspendedAt, now, now)
	case rooms.StatusActive:
		where.add("u.run_id IS NOT NULL AND NOT "+suspendedAt, now, now)
	case rooms.StatusIdle:
		where.add("u.run_id IS NULL AND NOT "+suspendedAt, now, now)
	}
	return list(ctx, q.db, "list rooms", scanRecord, selectRecords+where.page("r.id"), where.withLimit(f.Limit)...)
}

// RoomsWithRun implements rooms.Reader.
func (q queries) RoomsWithRun(ctx context.Context) ([]string, error) {
	return list(ctx, q.db, "list rooms with a run", scanText, "SELECT room_id FROM room_runs WHERE run_id IS NOT NULL")
}

// RoomsWithPull implements rooms.Reader.
func (q queries) RoomsWithPull(ctx context.Context) ([]string, error) {
	return list(ctx, q.db, "list rooms with a pull source", scanText, "SELECT id FROM rooms WHERE pull_url IS NOT NULL")
}

// CountRooms implements rooms.Reader.
func (q queries) CountRooms(ctx context.Context, subscriptionID string) (n int64, err error) {
	err = q.db.QueryRowContext(ctx, "SELECT count(*) FROM rooms WHERE subscription_id = ?", subscriptionID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the rooms of a subscription: %w", err)
	}
	return n, nil
}

// CreateRoom implements rooms.Writer.
func (q queries) CreateRoom(ctx context.Context, r rooms.Room) error {
	p := pullOf(r)
	if err := q.exec(ctx, "create a room", insertRoom, append([]any{searchText(r)}, roomColumns(&r, &p)...)...); err != nil {
		return err
	}
	return q.setCredentials(ctx, r)
}

// UpdateRoom implements rooms.Writer.
func (q queries) UpdateRoom(ctx context.Context, r rooms.Room) error {
	p := pullOf(r)
	args := append([]any{searchText(r)}, roomColumns(&r, &p)...)
	if err := q.change(ctx, "update a room", updateRoom, append(args, r.ID)...); err != nil {
		return err
	}
	return q.setCredentials(ctx, r)
}

func (q queries) setCredentials(ctx context.Context, r rooms.Room) error {
	if err := q.exec(ctx, "forget a room's credentials", "DELETE FROM room_credentials WHERE room_id = ?", r.ID); err != nil {
		return err
	}
	for kind, sum := range r.Credentials() {
		if err := q.exec(ctx, "store a room's credential",
			"INSERT INTO room_credentials (sum, room_id, kind) VALUES (?, ?, ?)", sum[:], r.ID, kind); err != nil {
			return err
		}
	}
	return nil
}

// DeleteRoom implements rooms.Writer.
func (q queries) DeleteRoom(ctx context.Context, id string) error {
	return q.change(ctx, "delete a room", "DELETE FROM rooms WHERE id = ?", id)
}

// EndSessions implements rooms.Writer.
func (q queries) EndSessions(ctx context.Context, roomID, subscriptionID, customerID string) error {
	return q.exec(ctx, "end the sessions of rooms", `UPDATE rooms SET session_epoch = session_epoch + 1
		WHERE id = ? OR subscription_id = ? OR customer_id = ?`, roomID, subscriptionID, customerID)
}

// SetRoomsCustomer implements rooms.Writer.
func (q queries) SetRoomsCustomer(ctx context.Context, subscriptionID string, customerID *string) error {
	return q.exec(ctx, "set the customer of rooms", `UPDATE rooms SET customer_id = ?, revision = revision + 1
		WHERE subscription_id = ?`, customerID, subscriptionID)
}

// SetRun implements rooms.Writer.
func (q queries) SetRun(ctx context.Context, roomID string, run rooms.Run) error {
	var old, ended string
	err := q.db.QueryRowContext(ctx, `SELECT u.run_id, u.ended_run_id FROM rooms r LEFT JOIN room_runs u ON u.room_id = r.id
		WHERE r.id = ?`, roomID).Scan(textOrEmpty{&old}, textOrEmpty{&ended})
	if err != nil {
		return notStored("read a run", err)
	}
	if old != "" && old != run.ID {
		ended = old
		if err := q.exec(ctx, "end the bans of a run", "DELETE FROM bans WHERE room_id = ? AND run_id = ?", roomID, old); err != nil {
			return err
		}
		if err := q.endChat(ctx, roomID); err != nil {
			return err
		}
	}
	if run.On() && old != run.ID {
		if err := q.exec(ctx, "begin the bans of a run", "UPDATE bans SET run_id = ? WHERE room_id = ? AND run_id IS NULL", run.ID, roomID); err != nil {
			return err
		}
	}
	return q.exec(ctx, "store a run", `INSERT INTO room_runs (room_id, run_id, began_at, locked, refuse_until, ended_run_id) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (room_id) DO UPDATE SET run_id = excluded.run_id, began_at = excluded.began_at,
		locked = excluded.locked, refuse_until = excluded.refuse_until,
		ended_run_id = excluded.ended_run_id`,
		roomID, textOrEmpty{&run.ID}, timeColumn{&run.BeganAt}, run.Locked, optionalTime{&run.RefuseUntil}, textOrEmpty{&ended})
}
