// Package request knows what every HTTP handler needs to know about a request besides its bytes: its id, who sent it
// from where, and under which scheme and host, with trusted proxies taken into account.
//
// It decides nothing about admission and imports nothing of Roomcast. The outermost middleware of package web calls
// Resolver.Resolve once and puts the Info into the request's context; everything behind it reads it by From.
package request
