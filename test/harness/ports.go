package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below the range that the kernel gives to outgoing
// connections, so that none of those sits on one by accident.
const (
	firstPort = 12000
	lastPort  = 31999
)

var ports struct {
	mu   sync.Mutex
	used map[int]bool
}

// freeAddress returns a loopback address whose port is free for TCP and UDP and
// that this process has not handed out before.
func freeAddress() (string, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.used == nil {
		ports.used = make(map[int]bool)
	}
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if ports.used[port] {
			continue
		}
		ports.used[port] = true
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if free(address) {
			return address, nil
		}
	}
	return "", fmt.Errorf("find a free port between %d and %d", firstPort, lastPort)
}

func free(address string) bool {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	return udp.Close() == nil
}
