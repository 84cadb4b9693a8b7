package rtcport

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logFactory lets the WebRTC library write to our log. What it calls a warning
// any client can cause at will, so its levels move one down.
type logFactory struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f logFactory) NewLogger(scope string) logging.LeveledLogger {
	return logger{f.log.With("library", "pion", "scope", scope)}
}

type logger struct{ log *slog.Logger }

func (l logger) put(level slog.Level, format string, args ...any) {
	ctx := context.Background()
	if !l.log.Enabled(ctx, level) {
		return
	}
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	l.log.Log(ctx, level, "WebRTC library", "text", format)
}

// levelTrace is below what any operator turns on.
const levelTrace = slog.LevelDebug - 8

func (l logger) Trace(msg string)                  { l.put(levelTrace, msg) }
func (l logger) Tracef(format string, args ...any) { l.put(levelTrace, format, args...) }
func (l logger) Debug(msg string)                  { l.put(slog.LevelDebug-4, msg) }
func (l logger) Debugf(format string, args ...any) { l.put(slog.LevelDebug-4, format, args...) }
func (l logger) Info(msg string)                   { l.put(slog.LevelDebug, msg) }
func (l logger) Infof(format string, args ...any)  { l.put(slog.LevelDebug, format, args...) }
func (l logger) Warn(msg string)                   { l.put(slog.LevelDebug, msg) }
func (l logger) Warnf(format string, args ...any)  { l.put(slog.LevelDebug, format, args...) }
func (l logger) Error(msg string)                  { l.put(slog.LevelInfo, msg) }
func (l logger) Errorf(format string, args ...any) { l.put(slog.LevelInfo, format, args...) }
