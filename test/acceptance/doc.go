// Package acceptance checks the built roomcast binary against its public
// contract, through its public doors only: HTTP, WebSocket, RTMP and HLS, with
// real encoders and players where those matter. How a thing is done inside is the
// concern of the packages' own tests; here stands what a stranger relies on.
//
// Checks longer than a minute are behind the build tag "long".
package acceptance
