// Package obs broadcasts with a real OBS Studio, under a virtual display with
// software rendering, and watches what arrives. Its tests need more than a core
// and packages that weigh a gigabyte: they run with make test-obs.
package obs
