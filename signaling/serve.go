package signaling

import (
	"errors"
	"time"

	"golang.org/x/time/rate"

	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/signaling/protocol"
)

// visit is one socket that has said hello.
type visit struct {
	server  *Server
	sock    *socket
	room    *room
	member  *member
	session secret.Text
}

// serve reads a socket until it ends.
func (s *Server) serve(sock *socket) {
	if err := sock.conn.SetReadDeadline(time.Now().Add(s.hello)); err != nil {
		return
	}
	frame, err := sock.read()
	if err != nil {
		if isTimeout(err) {
			s.refuseSocket(sock, "", &refusal{
				code: protocol.CodeHelloRequired, detail: "no hello came within 5 seconds", closeCode: protocol.ClosePolicy,
			})
		}
		closeFor(sock, err)
		return
	}
	v, release, id, err := s.greet(sock, frame)
	if err != nil {
		s.refuseHello(sock, id, err)
		_ = sock.listen(2 * goodbye)
		drain(sock)
		return
	}
	defer release()
	defer v.room.away(v.member, sock)
	v.loop()
}

// greet opens the session that the first frame carries.
func (s *Server) greet(sock *socket, frame []byte) (v *visit, release func(), id string, err error) {
	m, err := protocol.ReadClient(frame)
	if err != nil {
		var fault *protocol.Fault
		if errors.As(err, &fault) {
			id = fault.ID
			return nil, nil, id, &refusal{code: fault.Code, detail: fault.Detail, closeCode: protocol.ClosePolicy}
		}
		return nil, nil, "", err
	}
	hello, ok := m.(*protocol.Hello)
	if !ok {
		return nil, nil, protocol.IDOf(m), &refusal{
			code: protocol.CodeHelloRequired, detail: "the first message is hello", closeCode: protocol.ClosePolicy,
		}
	}
	g, release, err := s.o.Door.Connect(s.ctx, hello.Session)
	if err != nil {
		return nil, nil, hello.ID, err
	}
	r, member, err := s.enter(s.ctx, g, sock, hello)
	if err != nil {
		release()
		return nil, nil, hello.ID, err
	}
	v = &visit{server: s, sock: sock, room: r, member: member, session: hello.Session}
	// The session may have ended before the room knew its member.
	if _, err := s.o.Door.Session(s.ctx, hello.Session); rooms.CodeOf(err) != "" {
		r.end(member, endedCode(rooms.CodeOf(err)), "the session has ended")
	}
	return v, release, hello.ID, nil
}

// loop serves the messages after hello.
func (v *visit) loop() {
	v.sock.conn.SetReadLimit(protocol.MaxMessageBytes)
	if v.sock.listen(protocol.PongTimeout) != nil {
		return
	}
	limit := rate.NewLimiter(protocol.MessagesPerSecond, protocol.MessageBurst)
	for {
		frame, err := v.sock.read()
		if err != nil {
			closeFor(v.sock, err)
			return
		}
		if v.sock.conn.SetReadDeadline(time.Now().Add(protocol.PongTimeout)) != nil {
			return
		}
		if v.sock.out.ended() {
			continue // the goodbye is on its way
		}
		if !limit.Allow() {
			v.server.refuseSocket(v.sock, "", &refusal{
				code: protocol.CodeRateLimited, detail: "too many messages", closeCode: protocol.ClosePolicy,
			})
			continue
		}
		v.take(frame)
	}
}

// drain reads what a refused client still sends, until it has gone.
func drain(sock *socket) {
	for {
		if _, err := sock.read(); err != nil {
			return
		}
	}
}

// take carries a message out and answers it.
func (v *visit) take(frame []byte) {
	m, err := protocol.ReadClient(frame)
	if err != nil {
		var fault *protocol.Fault
		id := ""
		if errors.As(err, &fault) {
			id = fault.ID
		}
		v.refuse(id, "", err)
		return
	}
	id := protocol.IDOf(m)
	reply, err := v.handle(m)
	if err != nil {
		v.refuse(id, protocol.KindOf(m), err)
		return
	}
	if reply == nil && id != "" {
		reply = &protocol.OK{}
	}
	if reply != nil {
		v.sock.send(protocol.Answering(reply, id))
	}
	if _, leaving := m.(*protocol.Leave); leaving {
		v.sock.close(protocol.CloseNormal)
	}
}

func (v *visit) refuse(id string, kind protocol.Kind, err error) {
	r, known := asRefusal(err)
	if !known {
		v.server.log.Error("message not carried out", "message", kind, "room", v.room.id, "participant", v.member.id, "error", err)
	}
	v.sock.send(r.message(id))
}

// refuseSocket tells a client why its socket closes.
func (s *Server) refuseSocket(sock *socket, id string, r *refusal) {
	sock.send(r.message(id))
	sock.close(r.closeCode)
}

func (s *Server) refuseHello(sock *socket, id string, err error) {
	var r *refusal
	if errors.As(err, &r) && r.closeCode != 0 {
		s.refuseSocket(sock, id, r)
		return
	}
	r, known := refusedHello(err)
	if !known {
		s.log.Error("socket not let in", "error", err)
	}
	s.refuseSocket(sock, id, r)
}

// closeFor ends a socket whose reading failed, where the other side may still listen.
func closeFor(sock *socket, err error) {
	if errors.Is(err, errBinary) {
		sock.close(protocol.CloseUnsupported)
	}
}
