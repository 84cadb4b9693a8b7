// Package client is a Go client of the signaling protocol: it says hello, sends
// messages, waits for their answers and hands on what the server says. Media
// is a meeting participant's PeerConnection on top of it.
//
// It is what tests and load generators drive a server with, and an example of
// a client written from PROTOCOL.md. It does not reconnect by itself: Dial
// again with the Resume of the last welcome.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"roomcast/secret"
	"roomcast/signaling/protocol"
)

// Options are what a connection needs.
type Options struct {
	// URL is endpoints.signaling of the join answer.
	URL string
	// Session is the session of the join answer.
	Session secret.Text
	// Resume is the resume of an earlier welcome, to keep its PeerConnection.
	Resume string
	// ChatAfter is the seq of the last chat event known, to be told what came since; 0 for none.
	ChatAfter int64
	// Header is sent with the WebSocket's request.
	Header http.Header
}

// Refused is the error of a message or hello that the server refused.
type Refused struct {
	// Code is one of PROTOCOL.md's.
	Code   string
	Detail string
	// RetryAfter is how long to wait before trying again, 0 where waiting does not help.
	RetryAfter time.Duration
}

// Error implements error.
func (r *Refused) Error() string { return r.Code + ": " + r.Detail }

func refused(e *protocol.Error) *Refused {
	return &Refused{e.Code, e.Detail, time.Duration(e.RetryAfterMs) * time.Millisecond}
}

// Closed is the error of a connection that the server closed.
type Closed struct {
	// Code is the WebSocket close code.
	Code int
	// Last is the last error, ended or reconnect message, nil if there was none.
	Last protocol.ServerMessage
}

// Error implements error.
func (c *Closed) Error() string { return fmt.Sprintf("closed by the server with code %d", c.Code) }

// buffered is how many messages may wait to be taken from Messages.
const buffered = 4096

// Client is one socket in a room. Its methods are safe for concurrent use.
type Client struct {
	conn     *websocket.Conn
	messages chan protocol.ServerMessage
	done     chan struct{} // closed when err is set and reading has ended

	writing sync.Mutex

	mu      sync.Mutex
	next    int
	pending map[string]chan protocol.ServerMessage
	err     error
}

// Dial connects and says hello. A refusal is a *Refused.
func Dial(ctx context.Context, o Options) (*Client, *protocol.Welcome, error) {
	conn, resp, err := websocket.DefaultDialer.DialContext(ctx, o.URL, o.Header)
	if err != nil {
		if resp != nil {
			resp.Body.Close() // only its status matters
			return nil, nil, fmt.Errorf("open WebSocket: %w: %s", err, resp.Status)
		}
		return nil, nil, fmt.Errorf("open WebSocket: %w", err)
	}
	c := &Client{
		conn: conn, messages: make(chan protocol.ServerMessage, buffered), done: make(chan struct{}),
		pending: map[string]chan protocol.ServerMessage{},
	}
	go c.read()
	reply, err := c.Call(ctx, &protocol.Hello{Session: o.Session, Resume: o.Resume, ChatAfter: o.ChatAfter})
	if err != nil {
		c.Close()
		return nil, nil, fmt.Errorf("say hello: %w", err)
	}
	welcome, ok := reply.(*protocol.Welcome)
	if !ok {
		c.Close()
		return nil, nil, fmt.Errorf("say hello: the answer is %s", protocol.KindOf(reply))
	}
	return c, welcome, nil
}

// Messages hands on what the server says, answers to Call excluded; it is
// closed with the connection. It must be read: a client that lets too much
// pile up is dropped by the server.
func (c *Client) Messages() <-chan protocol.ServerMessage { return c.messages }

// Send sends a message and waits for nothing.
func (c *Client) Send(m protocol.ClientMessage) error {
	frame, err := protocol.EncodeClient(m)
	if err != nil {
		return err
	}
	return c.SendFrame(frame)
}

// SendFrame sends a text frame as it is, right or wrong.
func (c *Client) SendFrame(frame []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.WriteMessage(websocket.TextMessage, frame); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Call sends a message and waits for its answer. A refusal is a *Refused.
func (c *Client) Call(ctx context.Context, m protocol.ClientMessage) (protocol.ServerMessage, error) {
	answer := make(chan protocol.ServerMessage, 1)
	c.mu.Lock()
	c.next++
	id := strconv.Itoa(c.next)
	c.pending[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
	}()
	if err := c.Send(protocol.Asking(m, id)); err != nil {
		return nil, err
	}
	select {
	case reply := <-answer:
		return accepted(reply)
	case <-c.done:
		select {
		case reply := <-answer:
			return accepted(reply)
		default:
			return nil, c.Err()
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the answer to %s: %w", protocol.KindOf(m), ctx.Err())
	}
}

func accepted(reply protocol.ServerMessage) (protocol.ServerMessage, error) {
	if e, ok := reply.(*protocol.Error); ok {
		return nil, refused(e)
	}
	return reply, nil
}

// Leave gives the seat up and closes the connection.
func (c *Client) Leave(ctx context.Context) error {
	_, err := c.Call(ctx, &protocol.Leave{})
	c.Close()
	return err
}

// Close drops the connection without leaving: the seat is kept for 15 seconds.
func (c *Client) Close() {
	c.conn.Close() // it is gone either way
	<-c.done
}

// Done is closed when the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection ended: a *Closed if the server closed it.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Client) read() {
	defer close(c.done)
	defer close(c.messages)
	defer c.conn.Close() // it is gone either way
	var last protocol.ServerMessage
	for {
		_, frame, err := c.conn.ReadMessage()
		if err != nil {
			c.end(err, last)
			return
		}
		m, err := protocol.ReadServer(frame)
		if err != nil {
			c.end(fmt.Errorf("read message: %w", err), last)
			return
		}
		switch m.(type) {
		case *protocol.Error, *protocol.Ended, *protocol.Reconnect:
			last = m
		}
		if re := protocol.ReOf(m); re != "" {
			c.mu.Lock()
			answer := c.pending[re]
			c.mu.Unlock()
			if answer != nil {
				answer <- m
				continue
			}
		}
		select {
		case c.messages <- m:
		default:
			c.end(errors.New("messages were not taken"), last)
			return
		}
	}
}

func (c *Client) end(err error, last protocol.ServerMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		err = &Closed{Code: closed.Code, Last: last}
	}
	c.err = err
}
