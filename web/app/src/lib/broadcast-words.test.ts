import { describe, expect, it } from "vitest";
import type { Broadcast } from "$lib/api/schema.gen";
import { broadcastWords, trackWords } from "$lib/broadcast-words";

const base = { publisher: null, backup_connected: false, tracks: [], started_at: null, interrupted_at: null, viewers: 0, bytes_in: 0, warnings: [] };
const blank = { width: null, height: null, frame_rate: null, sample_rate: null, channels: null, bitrate_bps: 0 };
const track = (given: object) => trackWords({ ...blank, ...given } as unknown as Broadcast["tracks"][number]);

describe("a broadcast in words", () => {
  it("has different words for each state", () => {
    const states = ["waiting", "preview", "live", "interrupted", "ended"] as const;
    const said = states.map((state) => broadcastWords({ ...base, state }).headline);
    expect(new Set(said).size).toBe(states.length);
    expect(broadcastWords({ ...base, state: "waiting" }).sentence).toBe("Nothing has reached us yet.");
  });

  it("says of a track what is known of it", () => {
    expect(track({ kind: "video", codec: "avc1.42c01e", width: 1280, height: 720, frame_rate: 29.97002997 })).toBe("H.264, 1280 × 720, 29.97 fps");
    expect(track({ kind: "audio", codec: "mp4a.40.2", sample_rate: 44100, channels: 2 })).toBe("AAC, 44.1 kHz, stereo");
    expect(track({ kind: "audio", codec: "something.new" })).toBe("something.new");
  });
});
