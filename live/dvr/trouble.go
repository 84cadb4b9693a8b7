package dvr

import (
	"errors"
	"syscall"
)

// Trouble is what keeps segments out of the window.
type Trouble struct {
	// Code is dvr_disk_full, dvr_disk_slow, dvr_failed, or "" for none.
	Code string
	// Detail says it in plain words.
	Detail string
}

// Codes are all that a Trouble may have.
var Codes = []string{diskFull.Code, diskSlow.Code, diskFailed.Code}

// The kinds of trouble.
var (
	diskFull   = Trouble{"dvr_disk_full", "The disk is full: rewinding skips what is missing. Free some space."}
	diskSlow   = Trouble{"dvr_disk_slow", "The disk is too slow: rewinding skips what could not be written."}
	diskFailed = Trouble{"dvr_failed", "The disk refuses what is written: rewinding skips what is missing."}
)

// recovered is how many segments must be written before trouble is over.
const recovered = 15

// tell notes what became of a segment; the zero Trouble is success.
func (a *Archive) tell(t Trouble, err error) {
	if t.Code == "" {
		if a.well++; a.trouble.Code != "" && a.well >= recovered {
			a.trouble = t
			a.o.Trouble(t)
		}
		return
	}
	a.well = 0
	if t == a.trouble {
		return
	}
	a.trouble = t
	a.o.Log.Warn("the rewind window has holes", "code", t.Code, "error", err)
	a.o.Trouble(t)
}

var errReserve = errors.New("less of the disk is free than is left to others")

func troubleOf(err error) Trouble {
	if errors.Is(err, errReserve) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return diskFull
	}
	return diskFailed
}
