// Package live is the life of broadcasts: who is on air in which room, since
// when, what viewers get of it, and when it is over.
//
// The [Hub] takes publishers from the ingest doors (it is their ingest.Hub),
// gives each room one timeline, and each show and each preview a [media.Stream]
// and a packager (live/hls) of its own. A room's [Phase] follows a transition
// table: waiting, preview, live, interrupted, ended. Takeovers, cuts, silence and
// the reconnect window are decided here and nowhere else.
//
// Data flows ingest door -> Session.Write -> media.Stream -> hls.Packager ->
// Hub.Playlist, Hub.Object; state flows out by Hub.State and Hub.Watch.
//
// The package knows no HTTP. Runs are begun and finished at the [Runs] its maker
// passes in. A restart of the server ends no show: that it is on stands in a file
// below [Options.DataDir], and it is interrupted until its publisher comes back.
package live
