package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"roomcast/configs"

	"github.com/alecthomas/kong"
)

// version is set when the binary is built: -ldflags "-X main.version=v1.2.3".
var version = "unknown"

// Exit codes, as in sysexits.h where it has one.
const (
	exitFailure = 1
	exitUsage   = 64
	exitConfig  = 78
)

// commands is the command line.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Start the server."`
	Config  configCommand  `cmd:"" help:"Look at the configuration."`
	Demo    demoCommand    `cmd:"" help:"Make one room of each type on a running server, and print how to use it."`
	Bench   benchCommand   `cmd:"" help:"Put a running server under load and say what it costs."`
	OpenAPI openapiCommand `cmd:"" name:"openapi" help:"Print the OpenAPI document of the REST API."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// process is what a command may touch of the process it runs in.
type process struct {
	ctx    context.Context
	env    []string
	stdout io.Writer
	stderr io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(&process{ctx: ctx, env: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:]))
}

// run carries out one command line and gives the exit code.
func run(p *process, args []string) (code int) {
	c := commands{
		Serve:  serveCommand{settings: newSettings()},
		Config: configCommand{Print: configPrint{settings: newSettings()}, Check: configCheck{settings: newSettings()}},
	}
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("roomcast"),
		kong.Description("Rooms for meetings, live broadcasts, simulcasts and videos."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(p),
	)
	if err != nil {
		_, _ = fmt.Fprintln(p.stderr, "roomcast:", err)
		return exitFailure
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(p.stderr, "roomcast: %v (see roomcast --help)\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		var faults configs.Faults
		if errors.As(err, &faults) {
			_, _ = fmt.Fprintf(p.stderr, "roomcast: the configuration is wrong:\n%v\n", faults)
			return exitConfig
		}
		_, _ = fmt.Fprintln(p.stderr, "roomcast:", err)
		return exitFailure
	}
	return 0
}

// versionCommand prints what this binary is.
type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(p *process) error {
	_, err := fmt.Fprintf(p.stdout, "roomcast %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
